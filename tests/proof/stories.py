"""Every flow of the ledger as a story: what came before, and what may fail at any of its calls.

A new flow is one line here: ``"name": Story(act, what came before ...)``. Both are functions of the world.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from world import NOON, World

NOON_MS = int(NOON.timestamp() * 1000)
Move = Callable[[World], object]


@dataclass(frozen=True)
class Story:
    """*act* may fail at any of its calls; what comes *before* it does not."""

    act: Move
    before: tuple[Move, ...] = ()


def story(act: Move, *before: Move) -> Story:
    return Story(act, before)


def accepted(w: World) -> None:
    w.accept()


def delayed(w: World) -> None:
    w.accept(delay=60_000)


def running(w: World) -> None:
    w.accept()
    w.broker.clear()
    w.claim()


def silent(w: World) -> None:
    running(w)
    w.older(20)


def retrying(w: World) -> None:
    running(w)
    w.finish("retrying", delay=30)


def released(w: World) -> None:
    running(w)
    w.release()


def lost_twice(w: World) -> None:
    silent(w)
    w.sweep()
    w.claim("t2", "w2")
    w.older(20)


def minutes(n: float):
    return NOON + timedelta(minutes=n, seconds=1)


def first_fire_done(w: World) -> None:
    w.tick(minutes(1))
    w.work()


def charged(w: World) -> None:
    w.charge()
    w.older(31)
    w.sweep(drained=False)
    w.claim(f"t{uuid.uuid4().hex}")


def dead(w: World) -> None:
    running(w)
    w.finish("dead")


def in_turn(w: World) -> None:
    w.schedule(overlap="queue_one")


def first_fire_goes_on(w: World) -> None:
    w.tick(minutes(1))
    w.tick(minutes(2))


def missed(w: World) -> None:
    w.schedule(catch_up="skip")
    w.tick(minutes(1))
    w.work()


def every_time(w: World) -> None:
    w.schedule(catch_up="all")


def whole_life(w: World) -> None:
    w.accept()
    if w.broker:
        w.work()


def retried_life(w: World) -> None:
    w.accept()
    if w.broker:
        w.work("retrying")
    w.older(60)
    w.sweep()
    if w.broker:
        w.work("succeeded", "t2")


def worker_dies(w: World) -> None:
    w.accept()
    w.claim()
    w.older(60)
    w.sweep()
    w.work("succeeded", "t2", "w2")
    w.finish("dead")


def stopped_worker(w: World) -> None:
    w.accept()
    w.claim()
    w.note()
    w.release()
    w.finish()


def poison(w: World) -> None:
    w.accept()
    for n in range(3):
        w.older(40)
        w.sweep()
        if w.claim(f"t{n}") == "OK":
            w.charge(f"t{n}")


def meddled(w: World) -> None:
    w.accept()
    w.cancel("n1")
    w.retry("n2")
    w.claim()
    w.finish("dead")
    w.retry("n3")
    w.cancel("n4")


def twice(w: World) -> None:
    w.accept()
    w.accept()


STORIES = {
    "accept one run": story(lambda w: w.accept()),
    "accept three runs": story(lambda w: w.accept(3)),
    "accept without runs": story(lambda w: w.accept(0)),
    "accept with a key": story(lambda w: w.accept(2, key="k")),
    "accept with a key, twice": story(lambda w: w.accept(2, key="k"), lambda w: w.accept(2, key="k")),
    "accept the last that there is room for": story(lambda w: w.accept(limit=1)),
    "accept what there is no room for": story(lambda w: w.accept(ident="e2", limit=1), accepted),
    "accept with hints": story(lambda w: w.accept(3, beside=True)),
    "accept a duplicate with hints": story(lambda w: w.accept(3, beside=True), lambda w: w.accept(3)),
    "accept several": story(lambda w: w.accept_each("e1", "e2", "e3")),
    "accept several, some again": story(lambda w: w.accept_each("e1", "e2", "e3"), lambda w: w.accept(2, "e2")),
    "accept a duplicate": story(lambda w: w.accept(3), lambda w: w.accept(3)),
    "accept what runs already": story(lambda w: w.accept(), running),
    "accept what has ended": story(lambda w: w.accept(), running, lambda w: w.finish()),
    "accept what waits": story(lambda w: w.accept(2, delay=60_000)),
    "accept what waits for a time": story(lambda w: w.accept(at=w.now() + 60_000)),
    "claim": story(lambda w: w.claim(), accepted),
    "claim what runs": story(lambda w: w.claim("t2", "w2"), running),
    "claim what waits": story(lambda w: w.claim(), delayed),
    "finish: succeeded": story(lambda w: w.finish(), running),
    "finish: discarded": story(lambda w: w.finish("discarded"), running),
    "finish: dead": story(lambda w: w.finish("dead"), running),
    "finish: retrying": story(lambda w: w.finish("retrying", delay=30), running),
    "finish: dead, and told": story(lambda w: w.finish("dead", told=True), running),
    "finish late, after release": story(lambda w: w.finish(), released),
    "finish late, after recovery": story(lambda w: w.finish(), silent, lambda w: w.sweep()),
    "finish late, taken since": story(lambda w: w.finish(), released, lambda w: w.claim("t2", "w2")),
    "release": story(lambda w: w.release(), running),
    "release with a delay": story(lambda w: w.release(delay=60), running),
    "release what has ended": story(lambda w: w.release(), running, lambda w: w.finish()),
    "charge": story(lambda w: w.charge(), running),
    "charge by token": story(lambda w: w.charge("t1"), running),
    "charge the second time": story(lambda w: w.charge(), running, charged),
    "charge the third time": story(lambda w: w.charge(), running, charged, charged),
    "cancel what is pending": story(lambda w: w.cancel(), lambda w: w.accept(3)),
    "cancel what waits": story(lambda w: w.cancel(), delayed),
    "cancel what is retried": story(lambda w: w.cancel(), retrying),
    "cancel what runs": story(lambda w: w.cancel(), running),
    "retry what is dead": story(lambda w: w.retry(), dead),
    "retry what was cancelled": story(lambda w: w.retry("n2"), lambda w: w.accept(3), World.cancel),
    "retry what waits": story(lambda w: w.retry(), delayed),
    "retry what succeeded": story(lambda w: w.retry(), running, lambda w: w.finish()),
    "forget what has ended": story(World.forget, running, lambda w: w.note(), lambda w: w.finish("discarded")),
    "forget what goes on": story(World.forget, lambda w: w.accept(2), lambda w: w.work()),
    "forget what has no runs": story(World.forget, lambda w: w.accept(0)),
    "accept what is forgotten": story(lambda w: w.accept(), running, lambda w: w.finish(), World.forget),
    "note": story(lambda w: w.note(), running),
    "sweep nothing": story(lambda w: w.sweep()),
    "sweep a backlog": story(lambda w: w.sweep(drained=False), accepted, lambda w: w.older(60)),
    "sweep a lost hint": story(lambda w: w.sweep(), accepted, lambda w: w.broker.clear(), lambda w: w.older(60)),
    "sweep what waited": story(lambda w: w.sweep(), delayed, lambda w: w.older(90)),
    "sweep a retry": story(lambda w: w.sweep(), retrying, lambda w: w.older(40)),
    "sweep a living worker": story(lambda w: w.sweep(), running, lambda w: w.older(10)),
    "sweep without trust": story(lambda w: w.sweep(trusted=False), silent),
    "sweep a dead worker": story(lambda w: w.sweep(), silent),
    "sweep a buried worker": story(lambda w: w.sweep(trusted=False), running, World.buried, lambda w: w.older(6)),
    "sweep a second loss": story(lambda w: w.sweep(), lost_twice),
    "sweep many": story(lambda w: w.sweep(), lambda w: w.accept(3), lambda w: w.broker.clear(), lambda w: w.older(60)),
    "fire": story(lambda w: w.tick(minutes(1)), World.schedule),
    "fire what was made before": story(lambda w: w.tick(minutes(1)), World.schedule, lambda w: w.foresee(minutes(1))),
    "fire what was made before, edited since": story(
        lambda w: w.tick(minutes(1)), World.schedule, lambda w: w.foresee(minutes(1)), lambda w: w.schedule(grace=9)
    ),
    "fire what was made before, over a run": story(
        lambda w: w.tick(minutes(2)),
        lambda w: w.schedule(overlap="skip"),
        lambda w: w.tick(minutes(1)),
        lambda w: w.foresee(minutes(2)),
    ),
    "make ready": story(lambda w: w.foresee(minutes(1)), World.schedule, lambda w: w.tick(minutes(0))),
    "fire none": story(lambda w: w.tick(minutes(0)), World.schedule),
    "fire the latest": story(lambda w: w.tick(minutes(3)), World.schedule),
    "fire all": story(lambda w: w.tick(minutes(3)), every_time),
    "fire, skip": story(lambda w: w.tick(minutes(3.5)), lambda w: w.schedule(catch_up="skip")),
    "miss all": story(
        lambda w: w.tick(minutes(600.9)), lambda w: w.schedule(catch_up="skip", ends_at=NOON_MS + 60_000)
    ),
    "fire, two at once": story(lambda w: w.race(minutes(2), lambda w: w.tick(minutes(2))), every_time),
    "fire, edited meanwhile": story(lambda w: w.race(minutes(2), lambda w: w.schedule(overlap="skip")), every_time),
    "fire over a run": story(
        lambda w: w.tick(minutes(2)), lambda w: w.schedule(overlap="skip"), lambda w: w.tick(minutes(1))
    ),
    "fire the last time": story(lambda w: w.tick(minutes(1)), lambda w: w.schedule(ends_at=NOON_MS + 60_000)),
    "fire what has ended since": story(
        lambda w: w.tick(minutes(2)), lambda w: w.schedule(overlap="skip"), first_fire_done
    ),
    "fire behind a run": story(lambda w: w.tick(minutes(2)), in_turn, lambda w: w.tick(minutes(1))),
    "fire behind two runs": story(
        lambda w: w.tick(minutes(3)), in_turn, lambda w: w.tick(minutes(1)), lambda w: w.tick(minutes(2))
    ),
    "open a gate": story(World.sweep, in_turn, first_fire_goes_on, World.work, lambda w: w.older(2)),
    "keep a gate shut": story(World.sweep, in_turn, first_fire_goes_on),
    "backfill": story(lambda w: w.backfill(minutes(2), minutes(5)), missed, lambda w: w.tick(minutes(9))),
    "lead": story(World.lead),
    "a whole life": story(whole_life),
    "a life with a retry": story(retried_life),
    "a life with a dead worker": story(worker_dies),
    "a life with a stopped worker": story(stopped_worker),
    "a life of poison": story(poison),
    "a life that a person meddles with": story(meddled),
    "the same event twice": story(twice),
}
