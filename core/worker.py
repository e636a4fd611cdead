"""What every worker does beside running runs: it says that it is alive, and it sweeps."""

import os
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from celery.signals import celeryd_after_setup, worker_shutdown
from flask import Flask

from core import moments
from core.clock import monotonic, now, rfc3339
from core.errors import BacklogFull, CoreError, LedgerUnavailable
from core.kin import dead_kin, own_mark
from core.ledger.alive import beat, gone
from core.ledger.keys import Keys
from core.ledger.server import check
from core.ledger.store import Ledger
from core.sweeper import Sweeper

BEAT_EACH = 5.0  # seconds
SWEEP_EACH = 2.0  # seconds


def self_description() -> dict[str, Any]:
    """Return what any process of ours says of itself with its heartbeat."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "mark": own_mark()}


def new_id() -> str:
    """Return an id for this process that no other has, ever: host, pid and six random digits."""
    return f"{socket.gethostname()[:32]}.{os.getpid()}.{uuid.uuid4().hex[:6]}"


@dataclass
class Household:
    """The threads of one worker: heart and sweeper, each with connections of its own."""

    app: Flask
    keys: Keys
    ledger: Ledger
    sweeper: Sweeper
    ident: str
    info: Callable[[], dict[str, Any]]
    stopped: threading.Event = field(default_factory=threading.Event)

    def begin(self, worker: Any) -> None:
        """Start heart and sweeper for Celery's *worker*, before it takes its first hint.

        Raises:
            SystemExit: the ledger does not answer, or its server cannot keep it.
        """
        try:
            for warning in check(self.ledger.client):
                moments.trouble.send(self.app, what="the server", error=warning)
            bury_kin(self.ledger, self.keys)
            beats = partial(self._beat, {"started": rfc3339(now()), "concurrency": worker.concurrency})
            beats()
        except CoreError as error:
            raise SystemExit(f"The worker cannot start. {error}") from error
        for name, seconds, act in (("heart", BEAT_EACH, beats), ("sweeper", SWEEP_EACH, self._sweep)):
            threading.Thread(target=self._every, args=(seconds, act), name=f"carillon-{name}", daemon=True).start()

    def stop(self) -> None:
        """Say that this worker is gone; to be called when nothing runs any more."""
        self.stopped.set()
        try:
            for role in ("worker", "sweeper"):
                self.ledger.run(gone(self.keys, role, self.ident))
        except (LedgerUnavailable, BacklogFull) as error:
            moments.trouble.send(self.app, what="the worker's farewell was not recorded", error=error)

    def _beat(self, fixed: dict[str, Any]) -> None:
        self.ledger.run(beat(self.keys, "worker", self.ident, fixed | self_description() | self.info()))

    def _sweep(self) -> None:
        self.sweeper.sweep(monotonic())
        self.ledger.run(beat(self.keys, "sweeper", self.ident, {}))

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        while not self.stopped.wait(seconds):
            try:
                act()
            except Exception as error:  # noqa: BLE001 - a worker outlives any fault of the server or broker
                moments.trouble.send(self.app, what=f"{threading.current_thread().name} goes on", error=error)


def bury_kin(ledger: Ledger, keys: Keys) -> None:
    """Take dead workers of this machine off the list of the living, so that nobody waits for their heartbeat."""
    for role, ident in ledger.run(dead_kin(keys)):
        ledger.run(gone(keys, role, ident))


def attend(celery: Any, start: Callable[[Any], None], stop: Callable[[], None]) -> None:
    """Call *start* before this Celery app's worker consumes, with the worker, and *stop* when it has ended."""

    def begin(instance: Any = None, **_: Any) -> None:
        if instance.app is celery:
            start(instance)

    def end(sender: Any = None, **_: Any) -> None:
        if sender.app is celery:
            stop()

    celeryd_after_setup.connect(begin, weak=False)
    worker_shutdown.connect(end, weak=False)
