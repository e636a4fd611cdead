"""Threads that ask at the same time share a pipeline: one of them leads, it asks for all and tells each.

So there is no wait for company: who comes first asks at once, alone. Those who come meanwhile go next, together.
"""

import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from core.errors import CoreError, LedgerUnavailable
from core.ledger.flow import Flow
from core.ledger.store import NO_END, Ledger

T = TypeVar("T")
MOST = 64  # flows of one pipeline
ENDED = "The thread that asked the ledger for others was ended. Nothing is lost that was accepted."


@dataclass(frozen=True)
class Failed:
    """What a flow raised that is none of our errors: it concerns its asker alone."""

    error: Exception


@dataclass(eq=False, slots=True)
class Asker:
    """One thread that waits: its flow, what became of that, and whether it is to lead."""

    flow: Flow[Any]
    woken: Any = field(default_factory=threading.Lock)  # held until it is told
    leads: bool = False
    found: Any = NO_END


class SharedLedger(Ledger):
    """Runs flows as ``Ledger`` does; those of concurrent threads share pipelines.

    For flows that are short, all of them: nobody's answer is there before the longest one's.
    """

    _led: bool  # whether a thread asks for all
    _waiting: dict[Asker, None]  # in the order in which they came

    def __init__(self, url: str, *, patience: float = 1.0, breaker: bool = False) -> None:
        super().__init__(url, patience=patience, breaker=breaker)
        self._forget()
        os.register_at_fork(after_in_child=partial(_reborn, weakref.ref(self)))

    def run(self, flow: Flow[T]) -> T:
        """Run *flow* to its end and return what it returns; raises as ``Ledger.run`` does."""
        if self._breaker and self._breaker.silent:  # nobody waits behind the one who tries again
            return super().run(flow)
        asker = Asker(flow)
        asker.woken.acquire()
        with self._lock:
            leads = not self._led
            self._led = True
            self._waiting[asker] = None
        if not leads:
            self._wait(asker)
        if leads or asker.leads:
            self._lead()
        if isinstance(asker.found, Failed):
            raise asker.found.error
        if asker.found is NO_END:
            raise LedgerUnavailable(ENDED)
        if isinstance(asker.found, CoreError):
            raise asker.found
        result: T = asker.found
        return result

    def _wait(self, asker: Asker) -> None:
        try:
            asker.woken.acquire()
        except BaseException:  # a signal's handler raised it: this thread will neither lead nor ask
            with self._lock:
                self._waiting.pop(asker, None)
                if asker.leads:
                    self._follow()
            raise

    def _lead(self) -> None:
        """Ask for all who wait, the caller among them; then let the next one lead."""
        with self._lock:
            batch = list(islice(self._waiting, MOST))
            for asker in batch:
                del self._waiting[asker]
        try:
            found: Sequence[Any] = self.run_all([_guarded(asker.flow) for asker in batch])
            for asker, one in zip(batch, found, strict=True):
                asker.found = one
        finally:
            with self._lock:
                self._follow()
            for asker in batch:
                asker.woken.release()

    def _follow(self) -> None:
        """Let the next one lead, if there is one; to be called with the lock."""
        following = next(iter(self._waiting), None)
        if following is None:
            self._led = False
        else:
            following.leads = True
            following.woken.release()

    def _forget(self) -> None:
        """Begin anew, as a child does: the threads that waited are not there."""
        self._lock = threading.Lock()
        self._waiting = {}
        self._led = False


def _reborn(ref: "weakref.ref[SharedLedger]") -> None:
    if ledger := ref():
        ledger._forget()  # noqa: SLF001 - a part of SharedLedger that must not hold it


def _guarded(flow: Flow[Any]) -> Flow[Any]:
    """Return *flow* as one that raises our errors only, so that no other flow ends with it."""
    try:
        return (yield from flow)
    except CoreError:
        raise
    except Exception as error:  # noqa: BLE001 - its asker raises it again
        return Failed(error)
