"""The load: events over HTTP at a bounded rate, from several threads with connections that stay open."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.chaos.acceptance import ACCEPTED, AMBIGUOUS, UNSENT, Acceptance, Offer

THREADS = 24
PATIENCE = 10.0  # seconds until an answer counts as lost
AGAIN_EACH = 0.5  # seconds between two tries of one event
AGAIN_FOR = 60.0


@dataclass(frozen=True)
class Load:
    """*events* offered at *rate* a second. Handlers take *milliseconds*; every *poison*-th kills its process.

    With *again*, what was refused or left open is offered again with the same id, until it is accepted.
    """

    events: int
    rate: float
    milliseconds: int = 10
    poison: int = 0
    again: bool = False


@dataclass(frozen=True)
class Target:
    """Where events go to."""

    port: int
    headers: dict[str, str]
    path: str = "/api/v1/events"


class Driver:
    """Offers a load; it is never killed, so its word on what was accepted can be trusted."""

    def __init__(self, load: Load, target: Target, log: Acceptance, prefix: str, seed: int) -> None:
        self.load, self.target, self.log, self.prefix = load, target, log, prefix
        self.order = list(range(load.events))
        self.poisoned = set(random.Random(seed).sample(self.order, load.events // load.poison if load.poison else 0))
        self.begun = self.ended = 0.0
        self._stop = threading.Event()
        self._next = iter(self.order)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._serve, name=f"load-{n}", daemon=True) for n in range(THREADS)]

    @property
    def seconds(self) -> float:
        """How long the load takes if nothing holds it up."""
        return self.load.events / self.load.rate

    def begin(self) -> None:
        self.begun = time.monotonic()
        for thread in self._threads:
            thread.start()

    def join(self, tick: Callable[[], None], limit: float) -> bool:
        """Wait for all offers, calling *tick* meanwhile; at *limit* seconds stop. Tells whether all were made."""
        deadline = time.monotonic() + limit
        while any(thread.is_alive() for thread in self._threads):
            self._threads[0].join(0.2)
            self._stop.wait(0.2)
            tick()
            if time.monotonic() > deadline:
                self._stop.set()
        self.ended = time.monotonic()
        return not self._stop.is_set()

    def _serve(self) -> None:
        sender = Sender(self.target)
        while not self._stop.is_set():
            with self._lock:
                n = next(self._next, None)
            if n is None:
                break
            self._stop.wait(max(0.0, self.begun + n / self.load.rate - time.monotonic()))
            self._offer(sender, n)
        sender.close()

    def _offer(self, sender: "Sender", n: int) -> None:
        event, how = f"{self.prefix}-{n}", "kill" if n in self.poisoned else ""
        offer = self.log.offered(event, how)
        data = {"n": n, "milliseconds": self.load.milliseconds, "how": how}
        body = json.dumps({"id": event, "type": "chaos", "data": data}).encode()
        deadline = time.monotonic() + AGAIN_FOR
        while not self._once(sender, offer, body) and self.load.again and time.monotonic() < deadline:
            if self._stop.wait(AGAIN_EACH):
                return

    def _once(self, sender: "Sender", offer: Offer, body: bytes) -> bool:
        begun = time.monotonic()
        status = sender.send(body)
        self.log.answered(offer, status, time.monotonic() - begun)
        return status == ACCEPTED or 400 <= status < 500


class Sender:
    """One connection that stays open from offer to offer."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._connection: http.client.HTTPConnection | None = None

    def send(self, body: bytes) -> int:
        """Send one event; returns the status, or AMBIGUOUS or UNSENT where there is none."""
        if self._connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.target.port, timeout=PATIENCE)
            try:
                connection.connect()
            except OSError:
                time.sleep(0.05)
                return UNSENT
            self._connection = connection
        try:
            headers = {"Content-Type": "application/json", **self.target.headers}
            self._connection.request("POST", self.target.path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return AMBIGUOUS
        return answer.status

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
