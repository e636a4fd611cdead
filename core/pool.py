"""The worker's pool: async work on one event loop, by the thousand; sync work on threads beside it.

Hints that come over Redis are followed at once. Where something listens to Celery's signals of tasks, they go through
Celery's own machinery instead, as plain tasks do.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from celery.concurrency.base import BasePool, apply_target

from core import moments
from core.children import serve
from core.clock import monotonic
from core.crew import Crew
from core.engines import queue_name
from core.fibers import Fiber
from core.nursery import Nursery, app_argument
from core.room import GATHERING, Place, Room
from core.slots import EXECUTE
from core.tasks import Runner
from core.threads import Threads
from core.ward import Ward

GRACE = 18.0  # seconds that runs get to end by themselves; platforms kill after 30
LAST_WORDS = 3.0  # seconds that the rest of the worker gets to close, where threads are stuck
AT_ONCE = 32  # runs that begin before the loop does something else


def fork_nursery(celery: Any) -> None:
    """Fork what runs suspects while this process is small and has one thread; else it is started when needed."""
    if threading.active_count() == 1:
        celery.nursery = Nursery.forked(partial(serve, celery.carillon.execute_alone))


class Pool(BasePool):
    """Runs Celery's tracer on a fiber for each run and each async task, on a thread for any other task.

    Its limit (``-c``) is the number of threads. On stop: wait, release, and leave even if a thread never ends.
    """

    signal_safe = False
    body_can_be_buffer = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._hub: Any = None
        self._consumer = 0  # the thread of Celery's own loop

    def on_start(self) -> None:
        house = self.app.carillon
        self._runner: Runner = house.runner
        self._loop = house.loop
        self._threads = Threads(self.limit)
        self._beginning: deque[Callable[[], Any]] = deque()
        self._called = self._taking = False
        light = {queue_name(house.config, queue) for queue in house.catalog.async_queues()}
        self.room = Room(max(house.config.async_concurrency, self.limit), self.limit, light, self._starved)
        self._crew = Crew(self._runner, self.room, self._threads)
        spawn = partial(Nursery.spawned, app_argument(sys.argv), self._runner.worker)
        self._ward = Ward(self._runner, spawn, getattr(self.app, "nursery", None))
        self._runner.isolate = self._ward.take

    def register_with_event_loop(self, loop: Any) -> None:
        self._hub, self._consumer = loop, threading.get_ident()

    def take(self, queue: str, runs: Sequence[str]) -> None:
        """Follow the hints of *runs*, each as soon as there is a place for it."""
        self._taking = True
        self.room.enter(*[partial(self._on_loop, run) for run in runs], queue=queue)
        self._taking = False
        if self._beginning and not self._called:
            self._called = True
            self._loop.soon(self._begin)

    def on_apply(self, target: Any, args: Any = (), kwargs: Any = None, **options: Any) -> None:
        """Run *target*, Celery's tracer, as soon as there is a place for it."""
        trace = partial(apply_target, target, args, kwargs, options.get("callback"), options.get("accept_callback"))
        name, request = args[0], args[2]
        if name == EXECUTE:
            queue = (request.get("delivery_info") or {}).get("routing_key", "")
            self.room.enter(partial(self._on_fiber, trace), queue=queue)
        elif iscoroutinefunction(self.app.tasks[name].run):
            self.room.enter(partial(self._on_fiber, trace), thread=False)
        else:
            self.room.enter(partial(self._on_thread, trace), thread=True)

    def on_stop(self) -> None:
        self.room.close()
        self._loop.soon(self._begin)  # Celery's loop has ended, which would have called it
        deadline = monotonic() + GRACE
        self._ward.stop(GRACE)
        done = self.room.empty(max(deadline - monotonic(), 0))
        if not done:
            self._runner.release_all()
            leave = threading.Timer(LAST_WORDS, os._exit, (0,))
            leave.daemon = True
            leave.start()
            self._loop.stop()

    def _on_thread(self, trace: Callable[[], None], place: Place) -> None:
        self._threads.submit(partial(self._trace, trace, place))

    def _on_loop(self, run: str, place: Place) -> None:
        self._soon(partial(self._crew.follow, run, place))

    def _on_fiber(self, trace: Callable[[], None], place: Place) -> None:
        work = partial(self._trace, trace, place)
        self._soon(lambda: Fiber(work, self._threads, place.needs_no_thread).switch())

    def _soon(self, begin: Callable[[], Any]) -> None:
        self._beginning.append(begin)
        if self._called:
            return
        if threading.get_ident() != self._consumer:
            self._called = True
            self._loop.soon(self._begin)
        elif not self._taking:
            self._called = True
            self._hub.call_soon(self._loop.soon, self._begin)  # when all that have come with it are here

    def _begin(self) -> None:
        """Begin some of what waits for it; the loop has other things to do, too."""
        self._called = False
        for _ in range(min(AT_ONCE, len(self._beginning))):
            self._beginning.popleft()()
        if self._beginning and not self._called:
            self._called = True
            self._loop.soon(self._begin)

    def _trace(self, trace: Callable[[], None], place: Place) -> None:
        try:
            trace()
        except BaseException as error:  # noqa: BLE001 - the loop and the thread must outlive what a task raises
            self._runner.say(moments.trouble, what="a task ended in an odd way", error=error)
        finally:
            place.leave()

    def _starved(self) -> None:
        """Wake Celery's loop a moment from now: it takes as much as has got free by then."""
        if self._hub is not None:
            self._loop.soon(self._loop.later, GATHERING, self._hub.call_soon, nothing)


def nothing() -> None:
    """Wake the loop."""
