"""Celery's beat with our clockwork in RedBeat's place: ``celery -A core.main:celery beat`` uses it by itself."""

from typing import Any

from celery.beat import Scheduler as CeleryScheduler
from redbeat import RedBeatScheduler

from core import moments
from core.clock import now, rfc3339
from core.errors import BacklogFull, LedgerUnavailable
from core.ledger.alive import beat, gone
from core.worker import new_id, self_description

AFTER_TROUBLE = 1.0  # seconds until the next tick where the ledger did not answer


class Scheduler(RedBeatScheduler):
    """Beat that loses no fire: it needs no lock, never exits for a fault of the server, and may run twice."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self._house = app.carillon
        self._id = new_id()
        self._info = self_description() | {"started": rfc3339(now())}
        super().__init__(app, **kwargs)
        self.lock_key = None

    def setup_schedule(self) -> None:
        """Store what code declares and the store lacks; changes are for ``flask schedules apply``."""
        self._guarded(lambda: self._house.clockwork.add_missing(now()))

    def tick(self, *_: Any, **__: Any) -> float:
        """Fire what is due; returns the seconds until the next tick."""
        house = self._house
        self._guarded(lambda: house.ledger.run(beat(house.keys, "beat", self._id, self._info)))
        return self._guarded(lambda: house.clockwork.tick(now())) or AFTER_TROUBLE

    def close(self) -> None:
        house = self._house
        self._guarded(lambda: house.ledger.run(gone(house.keys, "beat", self._id)))
        CeleryScheduler.close(self)

    def _guarded(self, act: Any) -> Any:
        try:
            return act()
        except (LedgerUnavailable, BacklogFull) as error:
            moments.trouble.send(self._house.app, what="beat waits for the ledger", error=error)
            return None
        except Exception as error:  # noqa: BLE001 - beat outlives whatever an entry holds
            moments.trouble.send(self._house.app, what="beat goes on", error=error)
            return None
