"""Planned times that nobody fires any more because of what somebody did: an edit, a pause."""

from collections.abc import Iterator
from datetime import datetime

from core.clock import from_ms, to_ms
from core.ledger.firing import Fire
from core.planning import ALL
from core.schedule import Schedule


def passed(schedule: Schedule, now: datetime, why: str = "") -> list[Fire]:
    """Return rows for all times of *schedule* up to *now* that are not dealt with, however many, oldest first.

    Those of its pause are skipped because of that, the others because of *why*.
    """
    rows = []
    for after, until, cause in _stretches(schedule, to_ms(now), why):
        begin, end = from_ms(after), from_ms(until)
        first, last = schedule.timing.after(begin), schedule.timing.latest(begin, end)
        if first and last:
            count = schedule.timing.count_between(begin, end, ALL)
            rows.append(Fire(planned=first, state="skipped", cause=cause, until=last, count=count))
    return rows


def _stretches(schedule: Schedule, now: int, why: str) -> Iterator[tuple[int, int, str]]:
    """Yield stretches of time (ms): after when, until when, why its planned times are skipped."""
    begin = max(schedule.cursor, (schedule.starts_at or 0) - 1)
    end = begin if schedule.ended else min(now, now if schedule.ends_at is None else schedule.ends_at)
    since = until = end
    if held := schedule.pause:
        since = max(begin, min(held.since - 1, end))
        until = max(since, end if held.until is None else min(held.until - 1, end))
    cause = held.cause if held else ""
    for stretch in ((begin, since, why), (since, until, cause), (until, end, why)):
        if stretch[0] < stretch[1]:
            yield stretch
