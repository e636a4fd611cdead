"""Reading ahead: the plans of what is due soon are opened while beat has nothing else to do.

Where many schedules are due in the same second, a quarter of the work is done before it.
"""

from dataclasses import dataclass
from datetime import datetime

from core.clock import monotonic
from core.entries import Layout
from core.ledger.store import Ledger
from core.timetable import BATCH, load_soon

AHEAD = 2.5  # seconds
MOST = 10_000  # entries
IDLE = 0.2  # seconds that beat must have before something is due


@dataclass
class Foresight:
    """Reads ahead for one beat, each entry once."""

    layout: Layout
    ledger: Ledger
    _until: float = 0.0  # what is due before this (s since the epoch) was read

    def look(self, now: datetime, idle: float) -> None:
        """Open the plans of what is due within the next seconds after *now*, in half of the *idle* seconds at most."""
        if idle < IDLE:
            return
        at, deadline = now.timestamp(), monotonic() + idle / 2
        begin, end = max(self._until, at), at + AHEAD
        for skip in range(0, MOST, BATCH):
            entries = self.ledger.run(load_soon(self.layout, begin, end, skip))
            for entry in entries:
                self.layout.read(entry)
            if len(entries) < BATCH:
                self._until = end
                return
            if monotonic() > deadline:
                return
