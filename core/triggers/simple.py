"""Plans that no clock change touches: every so many seconds, and once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core.clock import rfc3339
from core.triggers import wording
from core.triggers.clocks import Change, Effect, Reading, change_at, instant_of, stretch_at
from core.triggers.plan import EPOCH, Planned, TriggerError
from core.triggers.zones import local_words, settled, zone

LONGEST = timedelta(days=36_525)
UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


@dataclass(frozen=True)
class Every(Planned):
    """Every so many seconds from *starts_at*, that time included; without one, from the Unix epoch.

    So planned times do not depend on when a process started. A naive *starts_at* is a time on *timezone*'s clocks.
    """

    seconds: float
    starts_at: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _step(self.seconds)
        if self.starts_at is not None:
            object.__setattr__(self, "starts_at", settled(self.starts_at, self.timezone, "starts_at"))
        zone(self.timezone)

    def times(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times strictly after *moment*, in order, each once, in UTC."""
        origin, step = self.starts_at or EPOCH, _step(self.seconds)
        try:
            planned = origin + self._first(moment) * step
            while True:
                yield planned
                planned += step
        except OverflowError:
            return  # the calendar ends with the year 9999

    def times_with_notes(self, moment: datetime) -> Iterator[tuple[datetime, str | None]]:
        """Yield what ``times`` does; no clock change touches it."""
        return ((planned, None) for planned in self.times(moment))

    def count_between(self, start: datetime, end: datetime, limit: int) -> int:
        """Return how many times are planned after *start* up to and including *end*, at most *limit*."""
        return min(max(self._first(end) - self._first(start), 0), limit)

    def latest(self, start: datetime, end: datetime) -> datetime | None:
        """Return the last planned time after *start* up to and including *end*, or None if there is none."""
        if not self.count_between(start, end, 1):
            return None
        return (self.starts_at or EPOCH) + (self._first(end) - 1) * _step(self.seconds)

    def note(self, planned: datetime) -> None:
        """Return None: no clock change touches it."""

    def _first(self, moment: datetime) -> int:
        """Return the number of the first planned time after *moment*; the one at the start is 0."""
        number = (moment - (self.starts_at or EPOCH)) // _step(self.seconds) + 1
        return number if self.starts_at is None else max(number, 0)

    def describe(self) -> str:
        """Return in plain words when it is due."""
        unit, size = next((unit, size) for unit, size in UNITS.items() if self.seconds % size == 0 or size == 1)
        count = self.seconds / size
        words = f"Every {unit}" if count == 1 else f"Every {count:.15g} {unit}s"
        return words if self.starts_at is None else f"{words}, from {local_words(self.starts_at, self.timezone)}"

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads back."""
        starts_at = {} if self.starts_at is None else {"starts_at": rfc3339(self.starts_at)}
        return {"every": self.seconds, "timezone": self.timezone, **starts_at}


@dataclass(frozen=True)
class At(Planned):
    """Once; a naive *moment* is a time on *timezone*'s clocks.

    One that they skip is the first minute after the gap, one that they show twice its first occurrence.
    """

    moment: datetime
    timezone: str = "UTC"
    _asked: datetime | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        moment = settled(self.moment, self.timezone, "at")
        if self.moment.tzinfo is None:
            object.__setattr__(self, "_asked", self.moment)
        object.__setattr__(self, "moment", moment)

    def times(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned time if it lies after *moment*."""
        if self.moment > moment:
            yield self.moment

    def times_with_notes(self, moment: datetime) -> Iterator[tuple[datetime, str | None]]:
        """Yield what ``times`` does, with what a clock change did to a naive moment, in words, or None."""
        return ((planned, self._note()) for planned in self.times(moment))

    def latest(self, start: datetime, end: datetime) -> datetime | None:
        """Return the planned time if it lies after *start* and not after *end*."""
        return self.moment if start < self.moment <= end else None

    def note(self, planned: datetime) -> str | None:
        """Return what a clock change did to a naive moment, in words, or None."""
        return self._note() if planned == self.moment else None

    def _note(self) -> str | None:
        if self._asked is None:
            return None
        asked, local = instant_of(self._asked.replace(tzinfo=UTC)), self.moment.astimezone(zone(self.timezone))
        planned = local.replace(tzinfo=None)
        change: Change | None = Change(Effect.MOVED, [asked])
        stretch = stretch_at(self.timezone, instant_of(self.moment))
        if instant_of(planned.replace(tzinfo=UTC)) == asked and stretch is not None:
            change = change_at(asked, stretch, Reading(both=False, moved=True))
        return change and wording.note(change, planned)

    def describe(self) -> str:
        """Return in plain words when it is due."""
        return f"Once, on {local_words(self.moment, self.timezone)}"

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads back."""
        return {"at": rfc3339(self.moment), "timezone": self.timezone}


def _step(seconds: float) -> timedelta:
    number = type(seconds) in (int, float)
    if not number or not 1 <= seconds <= LONGEST.total_seconds() or round(seconds, 3) != seconds:
        wanted = "wanted seconds from 1 up to 100 years, in whole milliseconds"
        raise TriggerError(f"Found every {seconds!r}; {wanted}.", "every")
    return timedelta(seconds=seconds)
