"""A plan that is read on the clocks of a time zone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from core.triggers import wording
from core.triggers.clocks import Change, Effect, instant_of, stretch_at
from core.triggers.plan import EPOCH, Disturbed, Planned
from core.triggers.zones import zone

DISTURBING = (Effect.MOVED, Effect.FIRST)


class Zoned(Planned):
    """What cron expressions and recurrence rules share."""

    timezone: str

    def instants(self, after: int, last: int | None = None) -> Iterator[tuple[int, Change | None]]:
        """Yield the planned seconds since the Unix epoch after *after*, each with its clock change, if any.

        It may stop after *last*: the next time of a rare plan may be decades away.
        """
        raise NotImplementedError

    def within(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the planned times after *start* up to and including *end*, in order, each once, in UTC."""
        last = instant_of(end)
        found = (instant for instant, _ in self.instants(instant_of(start), last))
        return map(_moment, takewhile(lambda instant: instant <= last, found))

    def times(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times strictly after *moment*, in order, each once, in UTC."""
        for instant, _ in self.instants(instant_of(moment)):
            yield _moment(instant)

    def times_with_notes(self, moment: datetime) -> Iterator[tuple[datetime, str | None]]:
        """Yield what ``times`` does, each with what a clock change did to it, in words, or None."""
        clocks = zone(self.timezone)
        for instant, change in self.instants(instant_of(moment)):
            planned = _moment(instant)
            local = planned.astimezone(clocks).replace(tzinfo=None)
            yield planned, change and wording.note(change, local)

    def disturbed(self, start: datetime, end: datetime) -> Disturbed | None:
        """Return the first clock change after *start*, up to *end*, that moves a planned time or makes it come twice.

        Only the walls that it concerns are looked at.
        """
        at, last = instant_of(start), instant_of(end)
        while (stretch := stretch_at(self.timezone, at)) is not None and stretch.end <= last:
            at, turn, low = (
                stretch.end,
                stretch.after - stretch.offset,
                stretch.end + min(stretch.offset, stretch.after),
            )
            for instant, change in self.instants(at - max(-turn, 0) - 1):
                if instant > at + 60:
                    break
                if change and change.effect in DISTURBING:
                    walls = (_moment(low).replace(tzinfo=None), _moment(low + abs(turn)).replace(tzinfo=None))
                    return Disturbed(_moment(instant), *walls, twice=turn < 0)
        return None


def _moment(second: int) -> datetime:
    return EPOCH + timedelta(0, second)
