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
from celery.worker import state
from flask import Flask

from core import moments
from core.alarm import Alarm
from core.calling import left_behind
from core.clock import monotonic, now, rfc3339, to_ms
from core.errors import BacklogFull, CoreError, LedgerNewer, LedgerUnavailable
from core.footprint import resident
from core.intake import Intake
from core.kin import dead_kin, own_mark
from core.ledger.alive import beat, gone
from core.ledger.boot import prepare
from core.ledger.deploys import deployed
from core.ledger.keys import Keys
from core.ledger.running import look_now, runs_of_worker
from core.ledger.store import Ledger
from core.retention import Retention
from core.sweeper import Sweeper

BEAT_EACH = 5.0  # seconds
SWEEP_EACH = 1.0  # seconds
ALARM_EACH = 5.0  # seconds
POOLS = {"core.pool": "threads", "core.prefork": "processes"}
START_PATIENCE, START_EACH = 60.0, 1.0  # seconds that a server may take to come up, and between two looks


def self_description() -> dict[str, Any]:
    """Return what any process of ours says of itself with its heartbeat."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "memory": resident(), "mark": own_mark()}


def pool_of(worker: Any) -> str:
    """Return what kind of pool Celery's *worker* has, in a word."""
    kind = getattr(worker.pool_cls, "__module__", str(worker.pool_cls)).partition(":")[0]
    return POOLS.get(kind, kind.rpartition(".")[2])


def is_stopping() -> bool:
    """Tell whether Celery was told to stop this worker, by whatever signal."""
    return state.should_stop not in (None, False) or state.should_terminate not in (None, False)


def new_id() -> str:
    """Return an id for this process that no other has, ever: host, pid and six random digits."""
    return f"{socket.gethostname()[:32]}.{os.getpid()}.{uuid.uuid4().hex[:6]}"


@dataclass
class Household:
    """The threads of one worker: heart and sweeper, each with connections of its own.

    The heart looks for orders, too. *info* is what the worker says of itself, of which *intake* tells the queues.
    """

    app: Flask
    keys: Keys
    ledger: Ledger
    sweeper: Sweeper
    retention: Retention
    alarm: Alarm
    ident: str
    info: Callable[[Intake], dict[str, Any]]
    durability: str = ""
    release: str = ""
    leaving: bool = False
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
            said = {"started": rfc3339(now()), "concurrency": worker.concurrency, "pool": pool_of(worker)}
            beats = partial(self._beat, Intake(worker), said)
            beats()
        except CoreError as error:
            raise SystemExit(f"The worker cannot start. {error}") from error
        self._mark_deploy()
        rounds = (
            ("heart", BEAT_EACH, beats),
            ("sweeper", SWEEP_EACH, self._sweep),
            ("alarm", ALARM_EACH, lambda: self.alarm.look(now())),
            ("retention", SWEEP_EACH, lambda: self.retention.keep(monotonic())),
        )
        for name, seconds, act in rounds:
            threading.Thread(target=self._every, args=(seconds, act), name=f"carillon-{name}", daemon=True).start()

    def _mark_deploy(self) -> None:
        """Remember when this release was first at work; a server that is full has other worries."""
        if not self.release:
            return
        try:
            self.ledger.run(deployed(self.keys, self.release, to_ms(now())))
        except (LedgerUnavailable, BacklogFull) as error:
            moments.trouble.send(self.app, what="the deploy was not marked", error=error)

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

    def _beat(self, intake: Intake, said: dict[str, Any]) -> None:
        stuck = left_behind()
        order = self.ledger.run(beat(self.keys, "worker", self.ident, self._said(intake, said, stuck)))
        if order and intake.obey(order):
            moments.ordered.send(self.app, what="this worker", order=order)
            self.ledger.run(beat(self.keys, "worker", self.ident, self._said(intake, said, stuck)))
        if order == "stop" and not self.leaving:
            moments.ordered.send(self.app, what="this worker", order=order)
            self._leave()
        if stuck >= said["concurrency"] and not self.leaving:
            # Each stuck thread holds memory, and maybe a lock; only the end of the process ends them.
            error = f"{stuck} functions outlived their timeout and cannot be ended; it stops, to be started again"
            moments.trouble.send(self.app, what="this worker is worn out", error=error)
            self._leave()

    def _said(self, intake: Intake, said: dict[str, Any], stuck: int) -> dict[str, Any]:
        states = {"stuck": stuck, "quiet": intake.quiet, "stopping": self.leaving or is_stopping()}
        # Runs of child processes are known to Celery alone, and to it all that take up a child.
        busy = {"busy": len(state.active_requests)} if said["pool"] == "processes" else {}
        return said | states | self_description() | self.info(intake) | busy

    def _leave(self) -> None:
        """End as at SIGTERM: what runs may end, what does not is given back, and the platform starts another."""
        self.leaving = True
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
