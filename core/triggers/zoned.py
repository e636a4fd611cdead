"""A plan that is read on the clocks of a time zone."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.triggers import wording
from core.triggers.clocks import Change, instant_of
from core.triggers.plan import EPOCH, Planned
from core.triggers.zones import zone


class Zoned(Planned):
    """What cron expressions and recurrence rules share."""

    timezone: str

    def instants(self, after: int) -> Iterator[tuple[int, Change | None]]:
        """Yield the planned seconds since the Unix epoch after *after*, each with its clock change, if any."""
        raise NotImplementedError

    def times(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times strictly after *moment*, in order, each once, in UTC."""
        for instant, _ in self.instants(instant_of(moment)):
            yield EPOCH + timedelta(0, instant)

    def times_with_notes(self, moment: datetime) -> Iterator[tuple[datetime, str | None]]:
        """Yield what ``times`` does, each with what a clock change did to it, in words, or None."""
        clocks = zone(self.timezone)
        for instant, change in self.instants(instant_of(moment)):
            planned = EPOCH + timedelta(0, instant)
            local = planned.astimezone(clocks).replace(tzinfo=None)
            yield planned, change and wording.note(change, local)
