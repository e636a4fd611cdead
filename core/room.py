"""How many more runs a worker can take: async ones up to a limit, others as long as a thread is free."""

import threading
from collections import deque
from collections.abc import Callable, Collection
from typing import Any

GATHERING = 0.002  # seconds in which places get free before their worker asks for more work


class Place:
    """What one run takes up: a place among all, and with *thread* one of the threads besides."""

    __slots__ = ("room", "thread")

    def __init__(self, room: "Room", thread: bool) -> None:
        self.room = room
        self.thread = thread

    def needs_no_thread(self) -> None:
        """Give the thread back: what runs here is async."""
        if self.thread:
            self.thread = False
            self.room.changed(threads=-1)

    def leave(self) -> None:
        self.room.changed(going=-1, threads=-int(self.thread))


class Room:
    """The places of a worker: *most* in all, *threads* for what may be sync. It starts work as places get free.

    Until a run is claimed nobody knows whether its function is async, so it takes a thread's place, unless all
    functions of its queue are (*light*). *starved* is called when there is room again for somebody who found none.
    """

    def __init__(self, most: int, threads: int, light: Collection[str], starved: Callable[[], None]) -> None:
        self.most, self.threads, self.light = most, threads, light
        self._starved = starved
        self._going = self._on_threads = 0
        self._waiting: dict[bool, deque[Callable[[Place], Any]]] = {True: deque(), False: deque()}
        self._refused: set[bool] = set()
        self._closed = False
        self._changed = threading.Condition()

    def free(self, queue: str) -> int:
        """Return how many runs of *queue* could start now."""
        with self._changed:
            heavy = queue not in self.light
            found = self._places(heavy) - sum(map(len, self._waiting.values()))
            if found < 1:
                self._refused.add(heavy)
            return found

    def enter(self, *starts: Callable[[Place], Any], queue: str = "", thread: bool | None = None) -> None:
        """Call each of *starts* with a place, now or when there is one.

        *thread* tells, if it is known, whether it needs a thread.
        """
        heavy = queue not in self.light if thread is None else thread
        with self._changed:
            if self._closed:
                return
            self._waiting[heavy].extend(starts)
        self.changed()

    def lighten(self, places: Collection[Place]) -> None:
        """Take the threads of *places* back, none of which needs one any more."""
        freed = [place for place in places if place.thread]
        for place in freed:
            place.thread = False
        if freed:
            self.changed(threads=-len(freed))

    def leave(self, places: Collection[Place]) -> None:
        """Take *places* back."""
        self.changed(going=-len(places), threads=-sum(place.thread for place in places))

    def changed(self, going: int = 0, threads: int = 0) -> None:
        """Count, start what waits for a place, and tell who was refused one."""
        starting: list[tuple[Callable[[Place], Any], bool]] = []
        with self._changed:
            self._going += going
            self._on_threads += threads
            for heavy, starts in self._waiting.items():
                while starts and self._places(heavy) > 0:
                    starting.append((starts.popleft(), heavy))
                    self._going += 1
                    self._on_threads += heavy
            found = {heavy for heavy in self._refused if self._places(heavy) > 0}
            self._refused -= found
            if not self._going:
                self._changed.notify_all()
        for start, heavy in starting:
            start(Place(self, heavy))
        if found:
            self._starved()

    def close(self) -> None:
        """Start nothing more."""
        with self._changed:
            self._closed = True
            self._waiting = {True: deque(), False: deque()}

    def empty(self, patience: float) -> bool:
        """Wait until all have left, at most *patience* seconds; tells whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: self._going == 0, patience)

    def _places(self, heavy: bool) -> int:
        left = self.most - self._going
        return min(left, self.threads - self._on_threads) if heavy else left
