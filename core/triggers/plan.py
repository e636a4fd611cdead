"""What all triggers have in common: planned times in order, and questions about stretches of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any, NamedTuple

from core.errors import CoreError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WALKED = 50  # planned times that are gone through one by one before what is left is halved
SECOND = timedelta(seconds=1)


class TriggerError(CoreError, ValueError):
    """This is no time plan.

    ``field`` names what is wrong: ``cron``, ``every``, ``at``, ``rrule``, ``timezone`` or ``starts_at``.
    """

    def __init__(self, message: str, field: str) -> None:
        self.field = field
        super().__init__(message)


class Disturbed(NamedTuple):
    """A clock change that falls on a planned time: what clocks show from *low* to *high* is left out, or comes twice.

    *planned* is when it fires all the same.
    """

    planned: datetime
    low: datetime
    high: datetime
    twice: bool


class Planned:
    """A time plan. All moments are aware; planned times are in UTC.

    ``describe`` says in plain words when it is due, ``to_json`` gives what ``from_json`` reads back.
    """

    def times(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times strictly after *moment*, in order, each once, in UTC."""
        return (planned for planned, _ in self.times_with_notes(moment))

    def times_with_notes(self, moment: datetime) -> Iterator[tuple[datetime, str | None]]:
        """Yield what ``times`` does, each with what a clock change did to it, in words, or None."""
        raise NotImplementedError

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time strictly after *moment*, or None if there is none."""
        return next(self.times(moment), None)

    def within(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the planned times after *start* up to and including *end*, in order, each once, in UTC."""
        return takewhile(lambda planned: planned <= end, self.times(start))

    def first_between(self, start: datetime, end: datetime) -> datetime | None:
        """Return the first planned time after *start* up to and including *end*, or None if there is none."""
        return next(self.within(start, end), None)

    def between(self, start: datetime, end: datetime, limit: int) -> list[datetime]:
        """Return the planned times after *start* up to and including *end*: the first *limit* of them."""
        return list(islice(self.within(start, end), limit))

    def count_between(self, start: datetime, end: datetime, limit: int) -> int:
        """Return how many times are planned after *start* up to and including *end*; counting stops at *limit*."""
        return len(self.between(start, end, limit))

    def latest(self, start: datetime, end: datetime) -> datetime | None:
        """Return the last planned time after *start* up to and including *end*, or None if there is none.

        It looks back from *end*, further and further, so it is fast however far apart the two are.
        """
        reach = timedelta(seconds=90)
        while start < end:
            begin = end - reach if end - start > reach else start
            found = self.first_between(begin, end)
            if found is not None:
                return self._last(found, end)
            if begin == start:
                return None
            reach *= 8
        return None

    def _last(self, found: datetime, end: datetime) -> datetime:
        """Return the last planned time up to *end*; *found* is one. It walks a little, and halves what is too long."""
        while True:
            walked = self.between(found, end, WALKED)
            found = walked[-1] if walked else found
            if len(walked) < WALKED:
                return found
            middle = found + (end - found) / 2
            later = self.first_between(middle, end)
            found, end = (later, end) if later is not None else (found, middle)

    def note(self, planned: datetime) -> str | None:
        """Return what a clock change did to the planned time *planned*, in words, or None."""
        year_before = planned - timedelta(days=360)
        before = self.latest(year_before, planned - timedelta(microseconds=1)) or year_before
        found, note = next(self.times_with_notes(before), (None, None))
        return note if found == planned else None

    def disturbed(self, start: datetime, end: datetime) -> Disturbed | None:  # noqa: ARG002 - most plans never are
        """Return the first clock change after *start*, up to *end*, that moves a planned time or makes it come twice.

        Plans that run on elapsed time are not concerned.
        """
        return None

    def describe(self) -> str:
        """Return in plain words when it is due."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads back."""
        raise NotImplementedError
