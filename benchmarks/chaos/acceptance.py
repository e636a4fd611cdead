"""The driver's own record: what was offered, and what came back. It is on disk, whatever happens to the rest."""

import os
import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

AMBIGUOUS = 0  # no answer, though the request may have arrived
UNSENT = -1  # nobody listened: it cannot have arrived
ACCEPTED = 202


@dataclass
class Offer:
    """One event and all answers to it: status (202, 4xx, 5xx, AMBIGUOUS or UNSENT), seconds it took, time."""

    event: str
    answers: list[tuple[int, float, float]] = field(default_factory=list)
    how: str = ""

    @property
    def accepted(self) -> bool:
        return any(status == ACCEPTED for status, _, _ in self.answers)

    @property
    def ambiguous(self) -> bool:
        """Not accepted, and not surely refused either: a 5xx may come after the event was recorded."""
        return not self.accepted and any(status == AMBIGUOUS or status >= 500 for status, _, _ in self.answers)

    @property
    def accepted_at(self) -> float:
        return next((at for status, _, at in self.answers if status == ACCEPTED), 0.0)


class Acceptance:
    """The log of all offers. A thread writes it in batches, each followed by fsync."""

    def __init__(self, path: Path) -> None:
        self.offers: dict[str, Offer] = {}
        self._file = path.open("a")
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="acceptance", daemon=True)
        self._thread.start()

    def offered(self, event: str, how: str = "") -> Offer:
        """Note that *event* is about to be sent."""
        offer = self.offers.setdefault(event, Offer(event, how=how))
        self._queue.put(f"offered,{event},{time.monotonic():.6f}\n")
        return offer

    def answered(self, offer: Offer, status: int, seconds: float) -> None:
        """Note what came back."""
        now = time.monotonic()
        offer.answers.append((status, seconds, now))
        self._queue.put(f"answered,{offer.event},{status},{seconds:.6f},{now:.6f}\n")

    def count(self) -> tuple[int, int]:
        """Return how many events were offered and accepted so far."""
        offers = list(self.offers.values())
        return len(offers), sum(offer.accepted for offer in offers)

    def close(self) -> None:
        self._queue.put("")
        self._thread.join()
        self._file.close()

    def _write(self) -> None:
        while line := self._queue.get():
            lines = [line]
            while not self._queue.empty() and (line := self._queue.get()):
                lines.append(line)
            self._file.write("".join(lines))
            self._file.flush()
            os.fsync(self._file.fileno())
            if not line:
                return
