"""A beat of the past: it fires schedules at the times that one tells it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from benchmarks.seed.dated import Dial
from core.clock import to_ms
from core.clockwork import Clockwork
from core.house import House
from core.ledger.running import Hint
from core.timetable import ticked

MOMENT = timedelta(milliseconds=200)  # that a beat takes to notice


class Beats:
    """Fires the schedules of a house; nobody is sent a hint of it."""

    def __init__(self, here: House, dial: Dial) -> None:
        self._here, self._dial = here, dial
        mover = replace(here.mover, outgoing=None)
        self._clockwork: Clockwork = replace(here.clockwork, mover=mover, publish=_nobody)

    def begin(self, at: datetime) -> None:
        """Store what code declares, as a first deploy at *at* would."""
        self._dial.set(to_ms(at))
        self._clockwork.add_missing(at)
        self._tick(at)

    def tick(self, at: datetime, *, watchful: bool = True) -> None:
        """Fire what is due at *at*; without *watchful* no beat was alive since the last tick."""
        if watchful:
            self._tick(at)
        self._dial.set(to_ms(at + MOMENT))
        self._clockwork.tick(at + MOMENT)

    def _tick(self, at: datetime) -> None:
        self._here.ledger.run(ticked(self._here.layout, at))


def _nobody(_: Sequence[Hint]) -> None:
    """Publish nothing."""
