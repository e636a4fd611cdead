"""The life of a run as spans of time: attempts and what lay between them, for rows and for a chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.dashboard.view import Row
from core.wording import counted, duration, parse

LATE = 96  # per cent
SHORT = 1.0  # seconds; a shorter wait for the first attempt is not worth a row
TIMEOUTS = ("HandlerTimeout",)
BARS = {"succeeded": "b-ok", "running": "b-late", "discarded": "b-pale", "cancelled": "b-pale"}
BETWEEN = {
    "retrying": "waiting, backoff",
    "lost": "waiting, its worker was lost",
    "crashed": "waiting, its process had died",
}
LOST = {"lost": "lost with its worker", "crashed": "its process died"}


@dataclass(frozen=True)
class Span:
    """A time in which one thing went on: an attempt, with its number, or a wait, with 0.

    ``word`` says how the attempt ended, or why it waited; ``sign`` is the state whose mark and colour fit.
    """

    begin: datetime
    end: datetime
    word: str
    attempt: int = 0
    sign: str = ""
    worker: str = ""

    @property
    def seconds(self) -> float:
        return max((self.end - self.begin).total_seconds(), 0.0)


@dataclass(frozen=True)
class Bar:
    """A span in a chart that is 100 wide. Of ``number`` and ``label`` those are empty for which there is no room."""

    span: Span
    x: float
    width: float
    css: str
    number: str
    label: str

    @property
    def end(self) -> float:
        return self.x + self.width

    @property
    def late(self) -> bool:
        """Whether its number stands before its end: behind its beginning there is no room."""
        return self.x > LATE

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def ending(attempt: Row) -> tuple[str, str]:
    """Return in a word how an attempt ended, and the state whose mark and colour fit."""
    outcome, error = str(attempt.get("outcome")), attempt.get("error") or {}
    if outcome in LOST:
        return LOST[outcome], "expired"
    if str(error.get("type", "")).endswith(TIMEOUTS):
        return "timed out", "expired"
    if outcome in ("retrying", "dead"):
        return "raised", "dead"
    return outcome, outcome


def spans(run: Row, now: datetime) -> list[Span]:
    """Return what a run did and waited for, one after the other, up to *now*."""
    created = parse(run["created"]) or now
    found: list[Span] = []
    at, before = created, ""
    for attempt in run["attempts"]:
        begin = max(parse(attempt["started"]) or at, at)
        if begin > at and (before or (begin - at).total_seconds() >= SHORT):
            found.append(Span(at, begin, _waiting(run, before, at)))
        at = max(parse(attempt["finished"]) or now, begin)
        word, sign = ending(attempt)
        found.append(Span(begin, at, word, attempt["number"], sign, attempt["worker"] or ""))
        before = attempt["outcome"]
    end = parse(run["finished"]) if run["finished"] else now
    if end and end > at and run["state"] not in ("running", "succeeded", "discarded"):
        found.append(Span(at, end, _waiting(run, before, at)))
    return found


def _waiting(run: Row, before: str, at: datetime) -> str:
    if before:
        return BETWEEN.get(before, "ended, until somebody retried it")
    due = parse(run["due"])
    return "waiting for its time" if due and due > at and run["state"] in ("scheduled", "cancelled") else "waiting"


def bars(found: Sequence[Span]) -> list[Bar]:
    """Return *found* drawn on one axis."""
    if not found:
        return []
    begin = found[0].begin
    whole = max((found[-1].end - begin).total_seconds(), 0.001)
    drawn: list[Bar] = []
    taken = -9.0  # where the last text above the bars ends
    for span in found:
        width = max(span.seconds / whole * 100, 0.4)
        x = min((span.begin - begin).total_seconds() / whole * 100, 100 - width)
        if not span.attempt:
            drawn.append(Bar(span, x, width, "", "", duration(span.seconds) if width >= 12 else ""))
            continue
        number = str(span.attempt) if x - taken >= (4 if x > LATE else 1) else ""
        label = span.word if width >= 9 + 1.6 * len(span.word) else ""
        taken = x + width if label else (x + 4 if number else taken)
        drawn.append(Bar(span, x, width, BARS.get(span.sign, "b-hole"), number, label))
    return drawn


def sentence(found: Sequence[Span]) -> str:
    """Return in a sentence what a chart of *found* shows."""
    tries = [span for span in found if span.attempt]
    waits = sum(span.seconds for span in found if not span.attempt)
    count = counted(len(tries), "attempt")
    lengths = f", of {', '.join(duration(span.seconds) for span in tries[-12:])}" if tries else ""
    waited = f"; {duration(waits)} of waiting" if waits >= 0.001 else ""
    last = f"; the last one: {tries[-1].word}" if tries else ""
    return f"{count}{lengths}{waited}{last}."
