"""Celery's prefork pool, for work that needs a processor of its own: each child runs one run at a time.

So a child that dies tells which run did it: the run is charged, and comes back at once.
"""

import os
import signal
import threading
from contextlib import suppress
from typing import Any

import click
from celery import concurrency
from celery.concurrency.prefork import TaskPool
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, task_postrun, task_prerun, worker_init
from click.core import ParameterSource

from core.calling import left_behind
from core.ledger.running import runs_of_worker
from core.mishaps import crashed, timed_out
from core.pool import GRACE, LAST_WORDS, Pool, fork_nursery
from core.slots import EXECUTE
from core.tasks import Runner

THREADS = f"{Pool.__module__}:{Pool.__name__}"


def register() -> None:
    """Let Celery's own names for its prefork pool mean this one."""
    worker_init.connect(_choose, weak=False, dispatch_uid="carillon-pool")
    for name in ("prefork", "processes"):
        concurrency.ALIASES[name] = f"{__name__}:{ProcessPool.__name__}"


def _choose(sender: Any = None, **_: Any) -> None:
    """Give a worker this pool if ``-P prefork`` was written out: Celery takes that for no choice at all."""
    worker, given = sender, ParameterSource.COMMANDLINE
    context = click.get_current_context(silent=True)
    if context and context.get_parameter_source("pool") is given and worker.pool_cls in (THREADS, Pool):
        worker.pool_cls = ProcessPool
    if worker.pool_cls is ProcessPool and context and context.get_parameter_source("concurrency") is not given:
        worker.concurrency = os.cpu_count() or 1
    if worker.pool_cls in (THREADS, Pool) and hasattr(worker.app, "carillon"):
        fork_nursery(worker.app)


class ProcessPool(TaskPool):
    """Runs each run in a child process. On stop: wait, then kill what still runs, and give it back."""

    def on_start(self) -> None:
        self._runner: Runner = self.app.carillon.runner
        task_prerun.connect(_stay, weak=False, dispatch_uid="carillon-stay")
        task_postrun.connect(self._leave, weak=False, dispatch_uid="carillon-leave")
        task_failure.connect(self._failed, weak=False, dispatch_uid="carillon-lost")
        super().on_start()

    def on_stop(self) -> None:
        end = threading.Timer(GRACE, self._cut)
        end.daemon = True
        end.start()
        super().on_stop()
        end.cancel()

    def _failed(self, sender: Any = None, exception: Any = None, args: Any = (), **_: Any) -> None:
        """Hear in the parent that a child died or was killed at its time limit."""
        runner = self._runner
        if sender.name != EXECUTE or runner.stopping.is_set():
            return
        if isinstance(exception, WorkerLostError):
            crashed(runner, args[0], str(exception).rstrip("."))
        elif isinstance(exception, TimeLimitExceeded):
            timed_out(runner, args[0], exception.args[0])

    def _leave(self, sender: Any = None, **_: Any) -> None:
        """End a child in which a function outlived its timeout; only so its thread ends."""
        if sender.name == EXECUTE and left_behind():
            self.app.carillon.flush(1.0)
            os._exit(0)

    def _cut(self) -> None:
        runner = self._runner
        runner.stopping.set()
        for process in list(self._pool._pool):  # noqa: SLF001 - billiard has no other way to them
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        going = runner.recorded(lambda: runs_of_worker(runner.keys, runner.worker))
        runner.give_back(going or {})
        self.app.carillon.flush(LAST_WORDS)
        os._exit(0)


def _stay(**_: Any) -> None:
    """Platforms signal all processes at once; a child at work ends when its parent says so.

    billiard sets its own handlers in a new child after ``worker_process_init``, so this is done with each task.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)
