"""The two charts of the overview, made of what the ledger has counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.clock import from_ms
from core.dashboard.charts import TIMES, Bar, Frame, bars, lines, share, ticks
from core.dashboard.facts import SPANS, Facts
from core.dashboard.view import duration, number
from core.ledger.counters import Tally

RATE, WAIT = Frame(198, 18, 176), Frame(116, 10, 110)
FINE = ("succeeded", "discarded", "cancelled")
MARKS = 8  # deploys
APART = 24.0  # per cent that the words of a deploy may take, on a phone
TURN = 76.0  # per cent, from where on words stand before their mark
UNITS = {"hour": "minute", "day": "quarter of an hour"}


@dataclass(frozen=True)
class Mark:
    """A deploy: its place in per cent, and its words; *ends* where they stand before it."""

    x: float
    words: str
    title: str
    ends: bool


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Both charts, ready to be drawn. ``said`` and ``waits_said`` are what they show, in a sentence."""

    unit: str
    said: str
    grid: Sequence[tuple[float, str]]
    bars: Sequence[tuple[Bar, str]]
    key: str
    waits_said: str
    waits_grid: Sequence[tuple[float, str]]
    p50: Sequence[str]
    p95: Sequence[str]
    wide: int
    latest: str
    times: Sequence[tuple[int, str]]
    marks: Sequence[Mark]

    @property
    def any_ended(self) -> bool:
        return bool(self.grid)

    @property
    def any_began(self) -> bool:
        return bool(self.waits_grid)


def rates(facts: Facts, moment: datetime) -> Rates:
    """Return the charts in the zone of *moment*."""
    tallies = facts.tallies
    step = SPANS[facts.span][1] * 60_000
    since, until = (tallies[0].start, tallies[-1].start + step) if tallies else (0, 0)
    times = [(n * 25, _clock(since + (until - since) * n // 4, moment)) for n in range(5)]
    span = f"from {times[0][1]} to {times[-1][1]}"
    marks = _marks(facts, since, until, moment)
    deployed = "".join(f" Deploy {mark.title}." for mark in marks)
    values = [(sum(tally.ended.get(name, 0) for name in FINE), tally.ended.get("dead", 0)) for tally in tallies]
    scale = ticks(max((good + bad for good, bad in values), default=0))
    ended = any(good or bad for good, bad in values)
    titles = [f"{_clock(tally.start, moment)}: {_ended(tally)}" for tally in tallies]
    waits = ticks(max((tally.p95 or 0 for tally in tallies), default=0), TIMES)
    began = any(tally.p95 is not None for tally in tallies)
    unit = UNITS[facts.span]
    return Rates(
        unit=unit,
        said=f"Runs ended in each {unit} {span}: {_range(values)}.{deployed}",
        grid=[(RATE.y(line, scale[-1]), number(line)) for line in scale] if ended else [],
        bars=list(zip(bars(values, scale[-1], RATE), titles, strict=True)),
        key=", ".join(name for name in FINE if any(tally.ended.get(name) for tally in tallies)) or FINE[0],
        waits_said=f"Time from accepted to started {span}: {_waits(tallies)}.{deployed}",
        waits_grid=[(WAIT.y(line, waits[-1]), _time(line)) for line in waits] if began else [],
        p50=lines([tally.p50 for tally in tallies], waits[-1], WAIT),
        p95=lines([tally.p95 for tally in tallies], waits[-1], WAIT),
        wide=len(tallies),
        latest=_latest(tallies, moment),
        times=times,
        marks=marks,
    )


def _marks(facts: Facts, since: int, until: int, moment: datetime) -> list[Mark]:
    """Return the newest deploys; words that would stand on those of a newer one are left to the title."""
    marks, taken = list[Mark](), list[float]()  # where words begin, in per cent
    for deploy in reversed(facts.deploys[-MARKS:]):
        x = share(deploy.at, since, until)
        if x is None:
            continue
        begin = x - APART if x > TURN else x
        free = all(abs(begin - other) >= APART for other in taken)
        taken += [begin] if free else []
        at, release = _clock(deploy.at, moment), deploy.release[:24]
        marks.append(Mark(x, f"{release} · {at}" if free else "", f"{release} at {at}", ends=x > TURN))
    return marks[::-1]


def _clock(ms: int, moment: datetime) -> str:
    return f"{from_ms(ms).astimezone(moment.tzinfo):%H:%M}"


def _ended(tally: Tally) -> str:
    names = {**{name: name for name in FINE}, "dead": "failed"}
    said = [f"{number(count)} {word}" for name, word in names.items() if (count := tally.ended.get(name, 0))]
    return ", ".join(said) or "none"


def _range(values: Sequence[tuple[int, int]]) -> str:
    sums = [good + bad for good, bad in values] or [0]
    good, bad = sum(good for good, _ in values), sum(bad for _, bad in values)
    return f"between {number(min(sums))} and {number(max(sums))}, {number(good)} ended well and {number(bad)} failed"


def _waits(tallies: Sequence[Tally]) -> str:
    halves, most = [[one for tally in tallies if (one := getattr(tally, name)) is not None] for name in ("p50", "p95")]
    if not halves:
        return "no run began"
    return f"median between {_time(min(halves))} and {_time(max(halves))}, 95th percentile up to {_time(max(most))}"


def _latest(tallies: Sequence[Tally], moment: datetime) -> str:
    found = next((tally for tally in reversed(tallies) if tally.p50 is not None and tally.p95 is not None), None)
    if found is None or found.p50 is None or found.p95 is None:
        return ""
    when = "now" if found in tallies[-2:] else f"at {_clock(found.start, moment)}"
    return f"p50 {_time(found.p50)} · p95 {_time(found.p95)} {when}"


def _time(ms: float) -> str:
    return duration(ms / 1000).replace(".0 s", " s")
