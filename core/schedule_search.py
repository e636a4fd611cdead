"""Finds schedules by what their name, target, state and owner say, a page by name at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.clock import to_ms
from core.entries import Layout, load, name_page
from core.ledger.flow import Flow
from core.quarantine import held
from core.schedule import Schedule

STATES = ("enabled", "paused", "held")
SCANNED = 2000  # entries that one page looks at
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which schedules; empty takes all. Each of *words* is in the name or the target. *owner* is code, api, …"""

    words: Sequence[str] = ()
    state: str = ""
    owner: str = ""

    @property
    def anything(self) -> bool:
        return not (self.words or self.state or self.owner)


def find(layout: Layout, wanted: Search, after: str, limit: int, now: datetime) -> Flow[tuple[list[str], str | None]]:
    """Return *limit* names that come after the name *after* and fit, and where to go on; None at the end.

    No more than ``SCANNED`` entries are looked at, so a page may be short and still have a next one.
    """
    if wanted.anything:
        found = yield from name_page(layout, after, limit + 1)
        return found[:limit], found[limit - 1] if len(found) > limit else None
    reasons, found = (yield from held(layout)), list[str]()
    for _ in range(SCANNED // BATCH):
        looked = yield from name_page(layout, after, BATCH)
        entries = yield from load(layout, looked)
        read = {layout.name(one.key): layout.read(one) for one in entries}
        found += [name for name, one in read.items() if _fits(wanted, name, one, now, is_held=name in reasons)]
        if len(found) > limit:
            return found[:limit], found[limit - 1]
        if len(looked) < BATCH:
            return found, None
        after = looked[-1]
    return found, after


def _fits(wanted: Search, name: str, schedule: Schedule | None, now: datetime, *, is_held: bool) -> bool:
    text = f"{name}\n{schedule.target if schedule else ''}".lower()
    if not all(word in text for word in wanted.words):
        return False
    if wanted.owner and wanted.owner != (schedule.owner if schedule else "redbeat"):
        return False
    paused = schedule is not None and schedule.paused(to_ms(now))
    state = "held" if is_held else "paused" if paused else "enabled"
    return wanted.state in ("", state)
