"""A ledger whose connection fails at one call, before or after the server has done it, or sends that call twice."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import redis

from core.ledger.store import Ledger

KINDS = ("before", "after", "twice")


@dataclass(frozen=True)
class Point:
    """Call number *call*, from 0, and what goes wrong there."""

    call: int
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} call {self.call}"


class Fragile(Ledger):
    """A ledger that counts its calls while it is *armed* and fails at one of them.

    A call is one command of a pipeline, or a step that is not the ledger's own, such as publishing a hint.
    ``twice`` is what redis-py does when an answer is lost: it sends the whole pipeline again. *seen* is called
    after whatever the server was asked.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.seen: Callable[[], None] = lambda: None
        self.disarm()

    def arm(self, point: Point | None) -> None:
        self.armed, self.point, self.calls, self.failed = True, point, 0, False

    def disarm(self) -> None:
        self.armed, self.point, self.calls, self.failed = False, None, 0, False

    def step(self, act: Callable[[], None]) -> None:
        """Do something else that may fail, as one call."""
        place = self._place(1)
        if place is None:
            act()
            return
        if self.point.kind != "before":
            act()
        if self.point.kind == "twice":
            act()
            return
        raise redis.ConnectionError(f"no connection {self.point}")

    def _send(self, wanted: Iterable[tuple[Any, ...]]) -> list[Any]:
        commands = list(wanted)
        place = self._place(len(commands))
        try:
            if place is None:
                return super()._send(commands)
            if self.point.kind == "twice":
                super()._send(commands)
                return super()._send(commands)
            done = commands[: place + (self.point.kind == "after")]
            if done:
                super()._send(done)
            raise redis.ConnectionError(f"no connection {self.point}")
        finally:
            self.seen()

    def _place(self, calls: int) -> int | None:
        """Count *calls*; returns which of them is the one to fail at, if it is among them."""
        if not self.armed:
            return None
        first = self.calls
        self.calls += calls
        if self.failed or self.point is None or not first <= self.point.call < self.calls:
            return None
        self.failed = True
        return self.point.call - first
