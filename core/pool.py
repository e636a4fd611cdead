"""Celery's thread pool with an end in sight: it drains, then gives back what still runs."""

import os
import threading
from concurrent.futures import Future, wait
from typing import Any

from celery.concurrency.thread import TaskPool

GRACE = 18.0  # seconds that runs get to end by themselves; platforms kill after 30
LAST_WORDS = 3.0  # seconds that the rest of the worker gets to close, where threads are stuck


class ThreadPool(TaskPool):
    """Runs each run on a thread. On stop: wait, release, and leave even if a thread never ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._futures: set[Future[Any]] = set()

    def on_apply(self, *args: Any, **kwargs: Any) -> Any:
        result = super().on_apply(*args, **kwargs)
        self._futures.add(result.f)
        result.f.add_done_callback(self._futures.discard)
        return result

    def on_stop(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)
        _, stuck = wait(list(self._futures), timeout=GRACE)
        if stuck:
            self.app.carillon.runner.release_all()
            leave = threading.Timer(LAST_WORDS, os._exit, (0,))
            leave.daemon = True
            leave.start()
