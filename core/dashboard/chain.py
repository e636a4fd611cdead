"""A cause chain as one timeline: what led to what, each with its bars on a common axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.dashboard.view import Row
from core.ledger.keys import TERMINAL
from core.wording import coarse, counted, duration, parse

STEPS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800)
NARROWEST = 0.9  # per cent of the axis, so that a short attempt is still seen
SHORTEST = 0.1  # seconds of an axis


@dataclass(frozen=True)
class Bar:
    """A part of a line, in per cent of the axis. ``kind`` is b-ok, b-hole, b-late (it is running), wait or point."""

    kind: str
    x: float
    width: float = 0
    title: str = ""


@dataclass(frozen=True)
class Step:
    """What a line tells: ``kind`` is origin, event, call or run, ``row`` what the API gives of it."""

    kind: str
    level: int
    row: Row


@dataclass(frozen=True, kw_only=True)
class Line:
    """One step with its bars; ``at`` is when it began, ``said`` what the bars say."""

    step: Step
    at: str | None
    bars: Sequence[Bar] = ()
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """All lines, the ticks of their axis as (per cent, word), and how long it took all told."""

    lines: Sequence[Line]
    ticks: Sequence[tuple[float, str]]
    length: str
    open: int


@dataclass(frozen=True)
class Axis:
    """The time from *start* on, *span* seconds of it."""

    start: datetime
    span: float

    def x(self, moment: datetime) -> float:
        return min(max((moment - self.start).total_seconds() / self.span, 0), 1) * 100

    def bar(self, kind: str, begin: datetime, end: datetime, title: str = "") -> Bar:
        x, right = self.x(begin), self.x(end)
        width = right - x if kind == "wait" else max(right - x, NARROWEST)
        return Bar(kind, round(min(x, 100 - width), 2), round(width, 2), title)


def chain(steps: Sequence[Step], now: datetime) -> Chain:
    """Lay out *steps* in the order in which they are shown."""
    runs = [step.row for step in steps if step.kind == "run"]
    waiting = [row for row in runs if row.get("state") not in TERMINAL]
    moments = [moment for step in steps for moment in _moments(step)]
    start = min(moments, default=now)
    end = max([now] if waiting else moments, default=now)
    axis = Axis(start, max((end - start).total_seconds(), SHORTEST))
    lines = [_line(step, axis, now) for step in steps]
    length = duration((end - start).total_seconds())
    return Chain(lines=lines, ticks=_ticks(axis.span, until_now=bool(waiting)), length=length, open=len(waiting))


def _moments(step: Step) -> Iterable[datetime]:
    row, names = step.row, ("started", "finished", "created") if step.kind == "run" else ("accepted",)
    texts = [row.get(name) for name in names] + [one.get("started") for one in row.get("attempts") or ()]
    return [moment for text in texts if (moment := parse(text))]


def _line(step: Step, axis: Axis, now: datetime) -> Line:
    if step.kind == "run":
        return Line(step=step, at=_began(step.row), bars=list(_run_bars(step.row, axis, now)), said=_told(step.row))
    at = step.row.get("accepted")
    moment = parse(at)
    if moment is None:
        return Line(step=step, at=at)
    said = f"after {duration((moment - axis.start).total_seconds())}"
    return Line(step=step, at=at, bars=[Bar("point", round(min(axis.x(moment), 99), 2))], said=said)


def _began(run: Row) -> str | None:
    attempts: Sequence[Any] = run.get("attempts") or ()
    return attempts[0].get("started") if attempts else run.get("started") or run.get("created")


def _run_bars(run: Row, axis: Axis, now: datetime) -> Iterable[Bar]:
    """Go through a run's attempts and the waits before, between and after them."""
    last = parse(run.get("created"))
    for attempt in run.get("attempts") or ():
        begin, end = parse(attempt.get("started")), parse(attempt.get("finished"))
        if begin is None:
            continue
        if last is not None and begin > last:
            yield axis.bar("wait", last, begin)
        outcome = str(attempt.get("outcome"))
        kind = "b-ok" if outcome == "succeeded" else "b-late" if end is None else "b-hole"
        took = duration(((end or now) - begin).total_seconds())
        title = f"attempt {attempt.get('number')}: {'running for' if end is None else f'{outcome} after'} {took}"
        yield axis.bar(kind, begin, end or now, title)
        last = end or now
    if last is not None and run.get("state") not in (*TERMINAL, "running"):
        yield axis.bar("wait", last, now)


def _told(run: Row) -> str:
    count = len(run.get("attempts") or ())
    state = str(run.get("state"))
    if not count:
        return f"no attempt yet, {state}"
    return f"{counted(count, 'attempt')}, {state}"


def _ticks(span: float, *, until_now: bool) -> list[tuple[float, str]]:
    step = next((step for step in STEPS if span / step <= 5), span / 4)
    marks = [(round(n * step / span * 100, 2), _word(n * step)) for n in range(1, int(span / step) + 1)]
    inner = [(x, word) for x, word in marks if 6 < x < 90]
    return [(0, "0"), *inner, (100, "now" if until_now else duration(span))]


def _word(seconds: float) -> str:
    return coarse(seconds) if seconds >= 1 else f"{round(seconds * 1000)} ms"
