"""The scenarios of schedules, by name; each is made for a scale: 1 is the real thing."""

from collections.abc import Callable, Mapping

from benchmarks.chaos.beats.criteria import (
    answers_at_once,
    catches_up,
    exact,
    fires_all,
    held_with_reasons,
    never_idle,
    nobody_exits,
    punctual,
)
from benchmarks.chaos.beats.entries import Entry, several
from benchmarks.chaos.beats.scenario import Story
from benchmarks.chaos.faults import At, Each

ALL = ("redbeat", "redbeat-tuned", "ours")
QUICK = (1, 2, 3, 4, 5)  # seconds
KILLS = Each(5, ("kill_a_beat",), first=4)


def kills(scale: float) -> Story:
    return Story(
        name="C22",
        title="two beats, 200 entries of 1 to 5 s, a random beat killed with -9 each 5 s",
        entries=several(max(20, round(200 * min(1, scale * 2))), QUICK, catch_up="all"),
        seconds=max(12, 300 * scale),
        faults=(KILLS,),
        criteria=(exact, fires_all, never_idle(5), nobody_exits),
        adapters=ALL,
    )


def refusing_broker(scale: float) -> Story:
    rounds = max(1, round(3 * scale))
    away = [At(10 + 60 * n, "road_refuse") for n in range(rounds)] + [
        At(40 + 60 * n, "road_fine") for n in range(rounds)
    ]
    return Story(
        name="C23",
        title="the broker, another server than the ledger's, refuses for 30 s, and beats are killed meanwhile",
        entries=several(100, QUICK, catch_up="all"),
        seconds=60 * rounds,
        faults=(*away, Each(5, ("kill_a_beat",), first=12)),
        criteria=(exact, fires_all, never_idle(60), nobody_exits),
        apart=True,
        adapters=ALL,
    )


def down(scale: float) -> Story:
    real = scale >= 1
    seconds, cron, away = (60, "* * * * *", 600.0) if real else (2, "", max(15.0, 600 * scale))
    entries = [
        entry
        for policy in ("skip", "latest", "all")
        for entry in several(5, (seconds,), policy, cron=cron, catch_up=policy)
    ]
    return Story(
        name="C24",
        title=f"no beat for {away:g} s, entries of {seconds} s with each catch-up policy",
        entries=entries,
        seconds=away + 3 * seconds + 25,
        faults=(At(2 * seconds + 3, "hold_beats"), At(2 * seconds + 3 + away, "release_beats")),
        criteria=(exact, catches_up, nobody_exits),
    )


def hostile(scale: float) -> Story:
    return Story(
        name="C26",
        title="200 hostile entries written into Redis beside 50 good ones",
        entries=several(50, QUICK),
        seconds=max(10, 60 * scale),
        hostile=200,
        criteria=(exact, fires_all, punctual(1), held_with_reasons, nobody_exits),
    )


def hand_over(scale: float) -> Story:
    return Story(
        name="C29",
        title="the beat that leads is stopped with SIGTERM each 8 s",
        entries=several(20, (1,), catch_up="all"),
        seconds=max(16, 120 * scale),
        faults=(Each(8, ("stop_leader",), first=5),),
        criteria=(exact, fires_all, punctual(1, 1.0), nobody_exits),
    )


def asked_for(scale: float) -> Story:
    return Story(
        name="C30",
        title="schedules that are made over the API while beat sleeps, due 0.2 s later",
        entries=[Entry("slow", 5)],
        seconds=max(10, 60 * scale),
        faults=(Each(1, ("make_schedule",), first=2, value=0.2),),
        criteria=(exact, answers_at_once(1), nobody_exits),
    )


def frozen(scale: float) -> Story:
    rounds = max(1, round(4 * scale))
    steps = (("freeze_server", 6), ("thaw_server", 14), ("kill_server", 24))
    return Story(
        name="C31",
        title="the ledger is frozen for 8 s, later killed and started again",
        entries=several(100, QUICK, catch_up="all"),
        seconds=35 * rounds,
        faults=tuple(At(at + 35 * n, action) for n in range(rounds) for action, at in steps),
        criteria=(exact, nobody_exits),
    )


STORIES: Mapping[str, Callable[[float], Story]] = {
    "C22": kills,
    "C23": refusing_broker,
    "C24": down,
    "C26": hostile,
    "C29": hand_over,
    "C30": asked_for,
    "C31": frozen,
}
