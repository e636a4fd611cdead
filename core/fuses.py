"""Schedules that pause themselves: after so many runs in a row that died."""

from collections.abc import Sequence

from core.ledger.fires import fires
from core.ledger.flow import Flow
from core.ledger.keys import FAILED, Keys
from core.schedule import Schedule


def blown(keys: Keys, schedules: Sequence[Schedule]) -> Flow[list[str]]:
    """Return the names of those of *schedules* whose last ``pause_after`` runs have all died."""
    found = []
    for schedule in schedules:
        if schedule.pause_after and schedule.count >= schedule.pause_after:
            since = (schedule.pause and schedule.pause.until) or 0  # what died before it was resumed is forgiven
            rows = yield from fires(keys, schedule.name, 4 * schedule.pause_after)
            runs = [row.run for row in rows if row.run and row.ms >= since][: schedule.pause_after]
            states = (yield [("HGET", keys.run(run), "state") for run in runs]) if runs else []
            if len(states) == schedule.pause_after and all((state or b"").decode() in FAILED for state in states):
                found.append(schedule.name)
    return found
