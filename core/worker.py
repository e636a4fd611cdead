"""What every worker does beside running runs: it says that it is alive, and it sweeps."""

import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from celery.signals import celeryd_after_setup, worker_shutdown
from flask import Flask

from core import moments
from core.alarm import Alarm
from core.calling import left_behind
from core.clock import monotonic, now, rfc3339
from core.errors import BacklogFull, CoreError, LedgerNewer, LedgerUnavailable
from core.footprint import resident
from core.kin import dead_kin, own_mark
from core.ledger.alive import beat, gone
from core.ledger.boot import prepare
from core.ledger.keys import Keys
from core.ledger.running import look_now, runs_of_worker
from core.ledger.store import Ledger
from core.retention import Retention
from core.sweeper import Sweeper

BEAT_EACH = 5.0  # seconds
SWEEP_EACH = 1.0  # seconds
ALARM_EACH = 5.0  # seconds
START_PATIENCE, START_EACH = 60.0, 1.0  # seconds that a server may take to come up, and between two looks


def self_description() -> dict[str, Any]:
    """Return what any process of ours says of itself with its heartbeat."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "memory": resident(), "mark": own_mark()}


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
    retention: Retention
    alarm: Alarm
    ident: str
    info: Callable[[], dict[str, Any]]
    durability: str = ""
    worn_out: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def begin(self, worker: Any) -> None:
        """Start heart and sweeper for Celery's *worker*, before it takes its first hint.

        Raises:
            SystemExit: the ledger does not answer, or its server cannot keep it.
        """
        try:
            for warning in self._prepared():
                moments.trouble.send(self.app, what="the server", error=warning)
            bury_kin(self.ledger, self.keys)
            beats = partial(self._beat, worker.concurrency, rfc3339(now()))
            beats()
        except CoreError as error:
            raise SystemExit(f"The worker cannot start. {error}") from error
        rounds = (
            ("heart", BEAT_EACH, beats),
            ("sweeper", SWEEP_EACH, self._sweep),
            ("alarm", ALARM_EACH, lambda: self.alarm.look(now())),
            ("retention", SWEEP_EACH, lambda: self.retention.keep(monotonic())),
        )
        for name, seconds, act in rounds:
            threading.Thread(target=self._every, args=(seconds, act), name=f"carillon-{name}", daemon=True).start()

    def _prepared(self) -> list[str]:
        """Wait for a server that is away or still loads its data: platforms punish a process that dies at start."""
        deadline, told = monotonic() + START_PATIENCE, False
        while True:
            try:
                return prepare(self.ledger, self.keys, self.durability)
            except LedgerNewer:
                raise
            except LedgerUnavailable as error:
                if monotonic() > deadline:
                    raise
                if not told:
                    told = True
                    moments.trouble.send(self.app, what="this worker waits for the ledger", error=error)
                time.sleep(START_EACH)

    def stop(self) -> None:
        """Say that this worker is gone; to be called when nothing runs any more."""
        self.stopped.set()
        try:
            for role in ("worker", "sweeper"):
                self.ledger.run(gone(self.keys, role, self.ident))
        except (LedgerUnavailable, BacklogFull) as error:
            moments.trouble.send(self.app, what="the worker's farewell was not recorded", error=error)

    def _beat(self, slots: int, started: str) -> None:
        stuck = left_behind()
        said = {"started": started, "concurrency": slots, "stuck": stuck} | self_description() | self.info()
        self.ledger.run(beat(self.keys, "worker", self.ident, said))
        if stuck >= slots and not self.worn_out:
            # Each stuck thread holds memory, and maybe a lock; only the end of the process ends them.
            error = f"{stuck} functions outlived their timeout and cannot be ended; it stops, to be started again"
            moments.trouble.send(self.app, what="this worker is worn out", error=error)
            self.worn_out = True
            os.kill(os.getpid(), signal.SIGTERM)

    def _sweep(self) -> None:
        bury_kin(self.ledger, self.keys)
        self.sweeper.sweep(monotonic())
        self.ledger.run(beat(self.keys, "sweeper", self.ident, {}))

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        while not self.stopped.is_set():
            try:
                act()
            except Exception as error:  # noqa: BLE001 - a worker outlives any fault of the server or broker
                moments.trouble.send(self.app, what=f"{threading.current_thread().name} goes on", error=error)
            self.stopped.wait(seconds)


def bury_kin(ledger: Ledger, keys: Keys) -> None:
    """Take dead workers of this machine off the list of the living; what they ran is looked at by the next sweep."""
    for role, ident in ledger.run(dead_kin(keys)):
        ledger.run(gone(keys, role, ident))
        if role == "worker":
            ledger.run(look_now(keys, list(ledger.run(runs_of_worker(keys, ident)).values())))


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
