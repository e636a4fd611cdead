"""The event that tells of a dead run, so that people can be told: ``run.dead``."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.catalog import Catalog
from core.causes import RUNS, Cause, Keyring
from core.clock import now, rfc3339
from core.errors import UnknownEvent
from core.events import Event
from core.ledger.acceptance import Acceptance, Request, acceptance
from core.ledger.keys import Keys, cause_of
from core.ledger.running import Hint

DEAD = "run.dead"


@dataclass(frozen=True)
class Told:
    """What is accepted together with a run's death, and the hints to publish then."""

    acceptance: Acceptance
    hints: Sequence[Hint]


@dataclass(frozen=True, kw_only=True)
class Deaths:
    """Makes ``run.dead`` events. *gather* sends an event's signals and returns the runs its handlers want."""

    catalog: Catalog
    keys: Keys
    keyring: Keyring
    gather: Callable[[Event], list[Request]]

    def tell(self, run: str, task: str, attempt: int, cause: Cause | None, error: str) -> Told | None:
        """Return the event for *run*, which dies of *error* (JSON text), or None where nobody listens.

        A handler is never told of its own death, nor anybody of the death of a run that was told of one: that
        could go on for ever.
        """
        if cause and cause.type == DEAD:
            return None
        known = json.loads(error)
        data = {
            "run": run,
            "task": task,
            "attempt": attempt,
            "reason": known.get("reason", ""),
            "error": {"type": known.get("type", ""), "message": known.get("message", "")},
            "event": _named(run, cause) if cause and cause.kind == "event" else None,
            "schedule": cause.schedule if cause else None,
        }
        try:
            event = self.catalog.event(DEAD, data)
        except UnknownEvent:
            return None
        requests = [request for request in self.gather(event) if request.task != task]
        if not requests:
            return None
        told = Cause(
            kind="event",
            id=f"{run}.{attempt}",
            type=DEAD,
            source=RUNS,
            time=rfc3339(now()),
            subject=run,
            data=data,
        )
        hints = [Hint(f"{told.ledger_id}.{n}", r.queue, r.priority) for n, r in enumerate(requests)]
        return Told(acceptance(self.keys, self.keyring, told, requests), hints)


def _named(run: str, cause: Cause) -> dict[str, Any]:
    return {"id": cause_of(run), "type": cause.type}
