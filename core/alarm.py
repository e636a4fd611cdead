"""Every worker watches beat: a planned time that nobody fires within its grace is told as ``schedule.missed``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask

from core import moments
from core.clock import rfc3339
from core.entries import Layout, load_keys
from core.ledger.acceptance import accept
from core.ledger.firing import Stored
from core.ledger.flow import Flow
from core.ledger.running import Hint
from core.ledger.store import Ledger
from core.missed import Missed
from core.moving import hints_of
from core.planning import grace, jitter, next_fire
from core.schedule import Schedule

MOST = 1000  # entries that are looked at in one go
MOST_TOLD = 10_000  # that a worker remembers; what it has forgotten is a duplicate to the ledger


@dataclass
class Alarm:
    """Looks for planned times that are overdue. Any number may look: each time is told once."""

    app: Flask
    layout: Layout
    ledger: Ledger
    missed: Missed
    publish: Callable[[Sequence[Hint]], None]
    _told: dict[str, datetime] = field(default_factory=dict)

    def look(self, now: datetime) -> int:
        """Tell of each planned time that is overdue at *now*; returns how many were told."""
        told = 0
        for entry in self.ledger.run(_overdue(self.layout, now)):
            schedule = self.layout.read(entry)
            planned = schedule and next_fire(schedule)
            if schedule and planned and self._told.get(entry.key) != planned and _is_overdue(schedule, planned, now):
                self._tell(schedule, planned, now)
                self._told[entry.key] = planned
                told += 1
        if len(self._told) > MOST_TOLD:
            self._told.clear()
        return told

    def _tell(self, schedule: Schedule, planned: datetime, now: datetime) -> None:
        moments.overdue.send(self.app, schedule=schedule.name, planned=rfc3339(planned))
        wanted = self.missed.tell(schedule, planned, None, now)
        if wanted is None:
            return
        accepted = self.ledger.run(accept(self.layout.keys, self.layout.keyring, wanted.cause, wanted.requests))
        if not accepted.duplicate:
            self.publish(hints_of(wanted))


def _overdue(layout: Layout, now: datetime) -> Flow[list[Stored]]:
    before = (now - timedelta(seconds=1)).timestamp()
    [found] = yield [("ZRANGE", layout.timetable, "-inf", before, "BYSCORE", "LIMIT", 0, MOST)]
    return (yield from load_keys([key.decode(errors="replace") for key in found]))


def _is_overdue(schedule: Schedule, planned: datetime, now: datetime) -> bool:
    return now - planned - jitter(schedule, planned) > grace(schedule)
