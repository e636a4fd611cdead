"""Celery's thread pool with an end in sight: it drains, then gives back what still runs."""

import os
import sys
import threading
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from celery.concurrency.thread import TaskPool

from core.children import serve
from core.clock import monotonic
from core.nursery import Nursery, app_argument
from core.tasks import Runner
from core.ward import Ward

GRACE = 18.0  # seconds that runs get to end by themselves; platforms kill after 30
LAST_WORDS = 3.0  # seconds that the rest of the worker gets to close, where threads are stuck


def fork_nursery(celery: Any) -> None:
    """Fork what runs suspects while this process is small and has one thread; else it is started when needed."""
    if threading.active_count() == 1:
        celery.nursery = Nursery.forked(partial(serve, celery.carillon.execute_alone))


class ThreadPool(TaskPool):
    """Runs each run on a thread. On stop: wait, release, and leave even if a thread never ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._futures: set[Future[Any]] = set()
        self._runner: Runner = self.app.carillon.runner
        spawn = partial(Nursery.spawned, app_argument(sys.argv), self._runner.worker)
        self._ward = Ward(self._runner, spawn, getattr(self.app, "nursery", None))

    def on_start(self) -> None:
        super().on_start()
        self._runner.isolate = self._ward.take

    def on_apply(self, *args: Any, **kwargs: Any) -> Any:
        result = super().on_apply(*args, **kwargs)
        self._futures.add(result.f)
        result.f.add_done_callback(self._futures.discard)
        return result

    def on_stop(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)
        deadline = monotonic() + GRACE
        self._ward.stop(GRACE)
        _, stuck = wait(list(self._futures), timeout=max(deadline - monotonic(), 0))
        if stuck:
            self._runner.release_all()
            leave = threading.Timer(LAST_WORDS, os._exit, (0,))
            leave.daemon = True
            leave.start()
