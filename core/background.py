"""Work that a caller must not wait for: one thread takes whatever has gathered and does it as one batch."""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from core.leaving import Turn, at_exit

T = TypeVar("T")


class Background(Generic[T]):
    """A thread that hands gathered items to *work*, as many at once as have come since the last time.

    At most *capacity* items wait; the oldest are dropped beyond that. *trouble* is told of every error that
    *work* raises; its batch is dropped. So only work that something else heals may go here.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[T]], None],
        trouble: Callable[[int, Exception], None],
        capacity: int = 100_000,
    ) -> None:
        self.name = name
        self._work = work
        self._trouble = trouble
        self._items: deque[T] = deque(maxlen=capacity)
        self._changed = threading.Condition()
        self._busy = False
        self._pid = 0

    def put(self, items: Sequence[T]) -> None:
        """Add *items*; never blocks on the work."""
        if not items:
            return
        with self._changed:
            if self._pid != os.getpid():
                self._pid, self._busy = os.getpid(), False
                self._items.clear()  # in a forked child they are the parent's
                threading.Thread(target=self._serve, name=self.name, daemon=True).start()
                at_exit(Turn.HINTS, self.flush, 2.0)
            self._items.extend(items)
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put is done, at most *timeout* seconds; tells whether it is."""
        with self._changed:
            if self._pid != os.getpid():
                return True
            return self._changed.wait_for(lambda: not self._items and not self._busy, timeout)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._items))
                batch = [self._items.popleft() for _ in range(min(len(self._items), 500))]
                self._busy = True
            try:
                self._work(batch)
            except Exception as error:  # noqa: BLE001 - the thread must outlive any error
                with suppress(Exception):
                    self._trouble(len(batch), error)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
