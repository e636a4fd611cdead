"""The alarm: a planned time that did not fire within its grace is told as the event ``schedule.missed``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.catalog import Catalog
from core.causes import SCHEDULES, Cause
from core.clock import rfc3339
from core.errors import EmitError
from core.events import Event
from core.ledger.packing import Wanted
from core.ledger.words import Request
from core.planning import Step
from core.schedule import Schedule

MISSED = "schedule.missed"


@dataclass(frozen=True, kw_only=True)
class Missed:
    """Makes ``schedule.missed`` events. *gather* sends an event's signals and returns the runs its handlers want."""

    catalog: Catalog
    gather: Callable[[Event], list[Request]]

    def tell(self, schedule: Schedule, planned: datetime, taken: Step | None, now: datetime) -> Wanted | None:
        """Return the event for the time *planned*, or None where nobody listens.

        Its id is the planned time's, so a time is told once, by whoever notices first. *taken* is what beat does with
        it; None where no beat has come to it yet.
        """
        if schedule.event == MISSED:
            return None
        data = {
            "schedule": schedule.name,
            "target": schedule.target,
            "planned": rfc3339(planned),
            "late": round((now - planned).total_seconds(), 3),
            "times": 1 if taken is None else sum(row.count for row in taken.rows) + (taken.fires is not None),
            "cause": _why(taken),
        }
        try:
            requests = self.gather(self.catalog.event(MISSED, data))
        except EmitError:
            return None
        ident, at = f"{schedule.name}@{rfc3339(planned)}#missed", rfc3339(now)
        cause = Cause(kind="event", id=ident, type=MISSED, source=SCHEDULES, subject=schedule.name, time=at, data=data)
        return Wanted(cause, requests) if requests else None


def _why(taken: Step | None) -> str:
    if taken is None:
        return "no scheduler has fired it yet"
    return taken.rows[0].cause if taken.rows else taken.cause
