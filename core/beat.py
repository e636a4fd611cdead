"""Celery's beat with our clockwork in RedBeat's place: ``celery -A core.main:celery beat`` uses it by itself."""

import gc
import os
import signal
import time
from typing import Any

from celery.beat import Scheduler as CeleryScheduler
from redbeat import RedBeatScheduler

from core import moments
from core.clock import now, rfc3339
from core.errors import BacklogFull, LedgerUnavailable
from core.footprint import resident
from core.ledger.alive import beat, gone
from core.ledger.leading import Lead, give_up, lead
from core.waking import Waking
from core.worker import new_id, self_description

AFTER_TROUBLE = 1.0  # seconds until the next try where the ledger did not answer
STANDBY = 1.0  # seconds between two looks of a beat that does not lead
MS = 0.001  # the lead's last one, in seconds
COLLECT_EVERY = 20_000  # new objects: a tick of many entries makes a dozen of each, and next to none in cycles


class Scheduler(RedBeatScheduler):
    """Beat that loses no fire. Any number may run: one leads, the others stand by; none exits for the server's faults.

    The lead is RedBeat's own lock, renewed at each tick. It only saves work: whoever fires does it in one step with
    the advance of the schedule, so two beats that both believe to lead fire nothing twice.
    """

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self._house = app.carillon
        self._id = new_id()
        known = {"release": self._house.config.release, "catalog": self._house.catalog.digest}
        self._info = self_description() | known | {"started": rfc3339(now())}
        self._waking = Waking(self._house.ledger.client, self._house.keys.wake)
        self._leads = False
        self._since = ""  # since when it leads
        super().__init__(app, **kwargs)
        gc.freeze()  # what is there by now stays: with many entries due, collecting would look at it again and again
        gc.set_threshold(COLLECT_EVERY)
        self.lock_key = None  # RedBeat's own way with its lock ends the process that loses it

    def setup_schedule(self) -> None:
        """Store nothing yet: what code declares and the store lacks is for the beat that leads."""

    def tick(self, *_: Any, **__: Any) -> float:
        """Fire what is due, and wait until there is more to do; returns 0: the wait is over."""
        found = self._guarded(self._lead)
        if found is None:
            time.sleep(AFTER_TROUBLE)
        else:
            wait = self._guarded(lambda: self._work(found)) if found.held else standby(found)
            self._guarded(lambda: self._waking.wait(AFTER_TROUBLE if wait is None else wait))
        return 0.0

    def close(self) -> None:
        """Hand over to another beat at once."""
        house = self._house
        self._guarded(lambda: house.ledger.run(give_up(house.keys, house.layout.lock, self._id)))
        self._guarded(lambda: house.ledger.run(gone(house.keys, "beat", self._id)))
        CeleryScheduler.close(self)

    def _lead(self) -> Lead:
        house = self._house
        self._info["memory"] = resident()
        found: Lead = house.ledger.run(lead(house.layout.lock, self._id))
        if found.held and not self._leads:
            self._since = rfc3339(found.now)
        led = {"leader": found.held, "leads_since": self._since if found.held else None}
        if house.ledger.run(beat(house.keys, "beat", self._id, self._info | led)) == "stop":
            moments.ordered.send(house.app, what="this beat", order="stop")
            os.kill(os.getpid(), signal.SIGTERM)
        if found.held and not self._leads:
            house.clockwork.take_over(found.now)
        if found.held != self._leads:
            self._leads = found.held
            moments.led.send(house.app, leads="leads" if found.held else "stands by")
        return found

    def _work(self, found: Lead) -> float:
        wait: float = self._house.clockwork.tick(found.now)
        return wait

    def _guarded(self, act: Any) -> Any:
        try:
            return act()
        except (LedgerUnavailable, BacklogFull) as error:
            moments.trouble.send(self._house.app, what="beat waits for the ledger", error=error)
            return None
        except Exception as error:  # noqa: BLE001 - beat outlives whatever an entry holds
            moments.trouble.send(self._house.app, what="beat goes on", error=error)
            return None


def standby(found: Lead) -> float:
    """Return how long (s) a beat waits that does not lead: until the lead may be free, STANDBY at most."""
    return STANDBY if found.left is None else min(STANDBY, found.left + MS)
