"""Plain entries of RedBeat's, which say no more than Celery knows: they fire here too, if their task is allowed.

Their task is sent to the broker by a run of ours, so neither a dead beat nor a refusing broker loses a fire.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import MINYEAR, UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from celery import Celery
from redbeat.decoder import RedBeatJSONDecoder, RedBeatJSONEncoder

from core import causes
from core.catalog import Catalog
from core.errors import CoreError
from core.ledger.firing import Fire, Move, Stored
from core.ledger.packing import Wanted
from core.ledger.words import Request
from core.planning import ON_TIME
from core.sending import SEND

NEVER = datetime(MINYEAR, 1, 2, tzinfo=UTC)  # RedBeat's word for the last run of what never ran
SWITCHED_OFF = 60.0  # seconds until a disabled entry is looked at again; RedBeat itself gives it a new score


class Unfit(CoreError):
    """This entry cannot be fired."""


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Reads plain entries. *allowed* are patterns of the tasks that they may start."""

    celery: Celery
    catalog: Catalog
    allowed: Sequence[str]

    def move(self, name: str, stored: Stored, now: datetime) -> Move | float:
        """Return how a plain entry goes on at *now*, or the time (s since the epoch) to look at it again.

        Raises:
            Unfit: it cannot be fired, for the reason that it says.
        """
        if stored.ours:
            raise Unfit(
                "its field carillon is not sealed by this application: it was changed by hand, or SECRET_KEY was. "
                "Delete it, and store the schedule again."
            )
        definition = _read(stored.definition, "definition")
        if not definition.get("enabled", True):
            return now.timestamp() + SWITCHED_OFF
        task, timing = self._allowed(definition.get("task")), definition.get("schedule")
        meta = _read(stored.meta, "meta") if stored.meta else {}
        due, seconds = self._is_due(timing, meta.get("last_run_at"), now)
        if seconds is None:
            return float("inf")
        if not due:
            return now.timestamp() + max(seconds, 1.0)
        return self._fired(name, stored, definition, task, meta, now, now.timestamp() + max(seconds, 1.0))

    def _allowed(self, task: Any) -> str:
        if not isinstance(task, str) or not any(fnmatchcase(task, pattern) for pattern in self.allowed):
            patterns = ", ".join(self.allowed) or "none"
            raise Unfit(
                f"the task {str(task)[:80]!r} is not allowed here. REDBEAT_TASKS names those that are: {patterns}"
            )
        if task not in self.celery.tasks:
            raise Unfit(f"no code here declares the Celery task {task!r}")
        return task

    def _is_due(self, timing: Any, last: datetime | None, now: datetime) -> tuple[bool, float | None]:
        if not hasattr(timing, "is_due"):
            raise Unfit("its definition has no schedule that Celery knows")
        timing.app, timing.nowfun = self.celery, lambda: now
        found = timing.is_due(last or NEVER)
        return bool(found[0]), None if found[1] is None else float(found[1])

    def _fired(
        self,
        name: str,
        stored: Stored,
        definition: Mapping[str, Any],
        task: str,
        meta: Mapping[str, Any],
        now: datetime,
        score: float,
    ) -> Move:
        sent: dict[str, Any] = {
            name: definition.get(name) or empty for name, empty in (("args", []), ("kwargs", {}), ("options", {}))
        }
        cause = causes.fire(name, now, {"task": task, **sent})
        options = self.catalog.tasks[SEND].options
        wanted = Wanted(cause, [Request(task=SEND, queue=options.queue, priority=options.priority)])
        last = meta.get("last_run_at")
        after = {"last_run_at": now, "total_run_count": int(meta.get("total_run_count") or 0) + 1}
        why = "on time" if last is None or score - now.timestamp() >= ON_TIME else "by RedBeat's own rules"
        row = Fire(planned=now, state="fired", cause=why, late=0.0, run=f"{cause.ledger_id}.0")
        written = json.dumps(after, cls=RedBeatJSONEncoder)
        return Move(name=name, stored=stored, meta=written, ours="", score=score, fired=row, accepted=wanted)


def _read(field: bytes, what: str) -> Mapping[str, Any]:
    """Return a field as RedBeat's decoder reads it; an interval may leave out ``relative``, as its guide says."""
    try:
        found = json.loads(field, cls=_Tolerant)
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError, RecursionError) as error:
        raise Unfit(f"its {what} cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(found, dict):
        raise Unfit(f"its {what} is no object")
    return found


class _Tolerant(RedBeatJSONDecoder):  # type: ignore[misc]
    def dict_to_object(self, found: dict[str, Any]) -> Any:
        if found.get("__type__") == "interval":
            found.setdefault("relative", False)
        return super().dict_to_object(found)
