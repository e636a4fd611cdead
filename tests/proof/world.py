"""A small world around a ledger: callers, workers, sweepers, beat and broker, any of which may fail at one call."""

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ageing import older
from bench import event, looked_for
from celery import Celery
from flask import Flask
from fragile import Fragile
from invariants import broken
from watching import Watched

from core.asking import Backfill, backfill, planned
from core.catalog import Catalog
from core.causes import Cause
from core.clockwork import Clockwork, load_due
from core.entries import load_keys
from core.errors import BacklogFull, LedgerUnavailable
from core.foresight import Foresight
from core.ledger.acceptance import Acceptance, Accepted, Outgoing, Request, Wanted, accept, accept_each, acceptance
from core.ledger.acting import cancel, retry
from core.ledger.alive import beat, gone
from core.ledger.firing import Stored
from core.ledger.flow import Flow
from core.ledger.forgetting import forget, oldest
from core.ledger.keys import TERMINAL, Keys, cause_of
from core.ledger.leading import give_up, lead
from core.ledger.parking import unpark
from core.ledger.running import Hint, charge, claim, finish, note, recover, release
from core.missed import Missed
from core.moving import Mover
from core.plain import Plain
from core.schedule import Schedule
from core.scheduling import found, put

T = TypeVar("T")
NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
APP = Flask("world")


class Crash(Exception):
    """The process that did this is no more."""


class World(Watched):
    """What happens to one ledger, and what it answered. Everybody who fails either tries *again* or dies."""

    def __init__(self, ledger: Fragile, *, again: bool) -> None:
        super().__init__(ledger, Keys(f"w{uuid.uuid4().hex[:10]}"))
        self.again = again
        self.broker: deque[Hint] = deque()
        self.beside = f"{self.keys.prefix}:beside"  # the broker's list in the ledger's database
        self.leases: dict[str, str] = {}  # runs, and the token of the living worker that runs it
        self.ticked: datetime | None = None
        self.asked: tuple[datetime, datetime] | None = None
        self.run = ""  # the one that the moves below are about
        mover = Mover(
            catalog=Catalog(),
            layout=self.layout,
            gather=lambda _: [],
            missed=Missed(catalog=Catalog(), gather=lambda _: []),
        )
        self.clockwork = Clockwork(
            app=APP,
            catalog=Catalog(),
            layout=self.layout,
            ledger=ledger,
            mover=mover,
            foresight=Foresight(self.layout, ledger, mover, crowd=1),
            plain=Plain(celery=Celery(set_as_current=False), catalog=Catalog(), allowed=()),
            publish=self.publish,
        )

    # What processes do.

    def accept(
        self, runs: int = 1, ident: str = "e1", key: str = "", limit: int = 0, *, beside: bool = False, **wanted
    ) -> None:
        """Record an event and its runs; the caller that fails sends the same event again, or gives up.

        *beside*: the broker's list is in the ledger's database, and hints come with the acceptance.
        """
        cause, options = event(ident), {"idempotency": key, "limit": limit}
        requests = [Request(**({"task": "t", "queue": "q"} | wanted)) for _ in range(runs)]
        self.run = f"{cause.ledger_id}.0"
        if beside:
            options["hints"] = self.hints(cause, runs)
        expected = {cause.ledger_id: runs} if beside and not self._has(cause.ledger_id) else {}
        try:
            found = self.do(lambda: accept(self.keys, self.keyring, cause, requests, **options))
        except BacklogFull:
            self.faults += [f"{cause.ledger_id} was refused and is there"] if self._has(cause.ledger_id) else []
            return
        finally:
            self.collect(expected)
        self.accepted.add(found.id)
        if not beside and not found.duplicate and not any(request.waits for request in requests):
            self.publish([Hint(run, "q", 5) for run, _ in found.runs])

    def accept_each(self, *idents: str, runs: int = 2) -> None:
        """Record several events side by side; the caller that fails sends all of them again, or gives up."""
        causes, requests = [event(ident) for ident in idents], [Request(task="t", queue="q")] * runs
        new = {cause.ledger_id: runs for cause in causes if not self._has(cause.ledger_id)}
        self.run = f"{causes[0].ledger_id}.0"
        for last in (False, True):
            wanted = [Wanted(cause, requests, hints=self.hints(cause, runs)) for cause in causes]
            [found] = self.ledger.run_all([accept_each(self.keys, self.keyring, wanted)])
            found = [found] if isinstance(found, Exception) else found
            self.accepted |= {one.id for one in found if isinstance(one, Accepted)}
            failed = [one for one in found if isinstance(one, Exception)]
            if last or not failed or not self.again:
                break
        self.collect(new)
        if failed:
            raise Crash from failed[0]

    def hints(self, cause: Cause, runs: int) -> Outgoing:
        return Outgoing({self.beside: [f"{cause.ledger_id}.{n}" for n in range(runs)]} if runs else {})

    def collect(self, expected: dict[str, int]) -> None:
        """Let the broker have what came into its list: one hint for each run of what is *expected*, if it is there."""
        came = [run.decode() for run in reversed(self.client.lrange(self.beside, 0, -1))]
        self.client.unlink(self.beside)
        self.broker.extend(Hint(run, "q", 5) for run in came)
        wanted = [f"{cause}.{n}" for cause, runs in expected.items() if self._has(cause) for n in range(runs)]
        if sorted(came) != sorted(wanted):
            self.faults.append(f"hints came for {came} and not for {wanted}")

    def claim(self, token: str = "t1", worker: str = "w1") -> str:
        self.steadily(lambda: beat(self.keys, "worker", worker, {}))
        verdict = self.do(lambda: claim(self.keys, self.run, token, worker)).verdict
        if verdict == "OK" and self.leases.setdefault(self.run, token) != token:
            self.faults.append(f"{token} took {self.run} from {self.leases[self.run]}, which is alive")
        if verdict != "OK" and self.client.hmget(self.keys.run(self.run), "state", "token") == [
            b"running",
            token.encode(),
        ]:
            self.faults.append(f"{token} has {self.run} and does not know it")
        return verdict

    def finish(self, state: str = "succeeded", token: str = "t1", delay: float = 0, *, told: bool = False) -> str:
        news = self.news() if told else None
        error, result = ("", '"fine"') if state == "succeeded" else ('{"message":"no"}', "")
        more = {"delay": delay, "error": error, "result": result, "told": news}
        verdict = self.do(lambda: finish(self.keys, self.run, token, state, **more))
        if verdict == "OK" and self.leases.pop(self.run, token) != token:
            self.faults.append(f"{token} ended {self.run}, which another one runs")
        if verdict == "OK" and state in TERMINAL:
            self.ended.setdefault(self.run, state)
        return verdict

    def release(self, token: str = "t1", delay: float = 0) -> None:
        hint = self.do(lambda: release(self.keys, self.run, token, delay))
        self.leases.pop(self.run, None)
        if hint:
            self.publish([hint] if not delay else [])

    def charge(self, token: str = "", worker: str = "w1") -> None:
        """Let the child process die in which the worker runs the run; its end, if this is it, is told."""
        news = self.news()
        self.do(lambda: charge(self.keys, self.run, worker, "{}", "{}", token=token, told=news))
        self.leases.pop(self.run, None)

    def cancel(self, nonce: str = "n1") -> None:
        """Cancel every run there is, as a person asks it; who fails asks the same again."""
        self.do(lambda: cancel(self.keys, list(self.states), nonce))

    def retry(self, nonce: str = "n1") -> None:
        self.revived |= {run for run, state in self.states.items() if state in TERMINAL - {"succeeded"}}
        self.ended.clear()
        acted = self.do(lambda: retry(self.keys, list(self.states), nonce))
        self.publish([one.hint for one in acted if one.hint])

    def forget(self) -> None:
        """Forget every event whose runs have all ended by now."""
        by, causes = self.now() + 1, self.do(lambda: oldest(self.keys, "event", 0, 100))
        going = {cause_of(run) for run, state in self.states.items() if state not in TERMINAL}
        self.forgotten |= {cause.id for cause in causes} - going
        self.do(lambda: forget(self.keys, "event", causes, by, by))

    def news(self) -> Acceptance:
        """Return the event that tells of the run's death, with a run that listens."""
        cause = event(f"news of {self.run}")
        self.tellers[self.run] = cause.ledger_id
        return acceptance(self.keys, self.keyring, cause, [Request(task="t", queue="q")])

    def note(self, token: str = "t1") -> None:
        self.do(lambda: note(self.keys, self.run, token, "1/2", ["a line"]))

    def work(self, state: str = "succeeded", token: str = "t1", worker: str = "w1") -> None:
        """Follow the next hint, as a worker does."""
        self.run = self.broker.popleft().run
        if self.claim(token, worker) == "OK":
            self.finish(state, token)

    def sweep(self, *, trusted: bool = True, drained: bool = True) -> None:
        runs = self.do(lambda: looked_for(self.keys))
        found = self.do(lambda: recover(self.keys, dict.fromkeys(runs, drained), trusted=trusted))
        self.publish([hint for _, hint in found])
        self.publish(self.do(lambda: unpark(self.keys)))

    def publish(self, hints: Sequence[Hint]) -> None:
        """Send hints to the broker; whoever cannot goes on, for the sweeper sees to it."""
        try:
            if hints:
                self.ledger.step(lambda: self.broker.extend(hints))
        except Exception as error:
            if not self.again:
                raise Crash from error

    def schedule(self, **policies) -> None:
        plain = {"name": "tidy", "task": "t", "trigger": {"every": 60, "timezone": "UTC"}, "created": 0}
        stored = Schedule(**plain, cursor=int(NOON.timestamp() * 1000), **policies)
        self.plan = stored.plan
        known = self.steadily(lambda: load_keys([self.layout.key("tidy")]))
        before = known[0] if known else Stored(self.layout.key("tidy"), b"", b"", b"")
        self.steadily(lambda: put(self.layout, stored, before))

    def tick(self, at: datetime) -> None:
        self.ticked = at
        self.attempt(lambda: self.clockwork.tick(at))

    def foresee(self, at: datetime) -> None:
        """Let a beat make ready, while it is idle, what is due by *at*."""
        self.attempt(lambda: self.clockwork.foresight.look(at - timedelta(seconds=4), 1.0))

    def backfill(self, since: datetime, until: datetime) -> None:
        """Make up for the planned times of a range, as a person asks it; who got no answer asks again."""
        self.asked = since, until
        _, schedule = self.steadily(lambda: found(self.layout, "tidy"))
        times, mover = planned(schedule, Backfill(since, until), until), self.clockwork.mover
        accepted, _ = self.do(lambda: backfill(self.layout, mover, schedule, times, force=False))
        self.accepted |= {one.cause.ledger_id for one in accepted}

    def lead(self) -> None:
        """Take the lead as a beat does, and give it up."""
        if not self.do(lambda: lead(self.layout.lock, "b1")).held:
            self.faults.append("nobody leads, and b1 cannot")
        if self.steadily(lambda: lead(self.layout.lock, "b2")).held:
            self.faults.append("two beats lead")
        self.do(lambda: give_up(self.keys, self.layout.lock, "b1"))
        if not self.steadily(lambda: lead(self.layout.lock, "b2")).held:
            self.faults.append("b1 leads on after it gave up")

    def race(self, at: datetime, meanwhile: Callable[["World"], object]) -> None:
        """Let one beat read the schedule, then something happen, and then that beat come to fire."""
        self.ticked = at
        due = self.steadily(lambda: load_due(self.layout, at))
        meanwhile(self)
        self.attempt(lambda: self.clockwork.advance(due, at))

    # How they fail.

    def do(self, flow: Callable[[], Flow[T]]) -> T:
        return self.attempt(lambda: self.ledger.run(flow()))

    def attempt(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except LedgerUnavailable as error:
            if not self.again:
                raise Crash from error
        return act()

    # What is left to the others.

    def older(self, seconds: float) -> None:
        older(self.client, self.keys, seconds)
        if seconds > 15:
            self.leases.clear()  # nobody's heart beats while the world grows older

    def buried(self, worker: str = "w1") -> None:
        """Let a worker's death be known at once, as a supervisor or its kin would."""
        self.steadily(lambda: gone(self.keys, "worker", worker))
        self.leases.clear()

    def drain(self) -> list[tuple[object, ...]]:
        """Let time pass, sweepers sweep and one healthy worker follow every hint, until nothing is due.

        Returns what became of the planned times of the schedule.
        """
        self.faults += broken(self.client, self.keys)
        self.leases.clear()
        if self.ticked:
            self.tick(self.ticked)
        if self.asked:
            self.backfill(*self.asked)
        fired = self.fired()
        for turn in range(50):
            while self.broker:
                self.work(token=f"drain{turn}.{len(self.broker)}", worker="w9")
            if not self.client.zcard(self.keys.due):
                return fired
            self.older(1000)
            self.sweep()
        self.faults.append("it does not come to an end")
        return fired

    def close(self) -> None:
        self.ledger.disarm()
        self.ledger.seen = lambda: None
        for pattern in (f"{{{self.keys.prefix}}}:*", f"{self.keys.prefix}:*"):
            if names := list(self.client.scan_iter(pattern, count=1000)):
                self.client.unlink(*names)
