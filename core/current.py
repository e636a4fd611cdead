"""The run that is going on, as a handler sees it through ``run``."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass

from core.causes import Cause
from core.errors import CoreError
from core.redact import redacted


@dataclass(frozen=True, kw_only=True)
class Current:
    """One attempt of one run. *note* keeps progress (``done/total`` or empty) and a log line (or empty)."""

    id: str
    task: str
    attempt: int
    cause: Cause
    note: Callable[[str, str], None]


_current: ContextVar[Current] = ContextVar("carillon_run")


@contextmanager
def bound(current: Current) -> Iterator[None]:
    """Make *current* the current run for a ``with`` block."""
    token = _current.set(current)
    try:
        yield
    finally:
        _current.reset(token)


def current_in(context: Context) -> Current | None:
    """Return the run that goes on in *context*, if any."""
    return context.get(_current)


def run_here() -> str | None:
    """Return the id of the run that goes on here, if any."""
    current = _current.get(None)
    return None if current is None else current.id


class Run:
    """The current run: its ``id``, ``attempt`` and ``cause``; it takes ``progress`` and ``log`` lines.

    Outside a run every use raises ``CoreError``.
    """

    @property
    def id(self) -> str:
        """The run's id: the same for every attempt, so it serves as an idempotency key."""
        return _get().id

    @property
    def attempt(self) -> int:
        """The attempt's number, from 1."""
        return _get().attempt

    @property
    def cause(self) -> Cause:
        """Why it runs: the event's envelope, or the fire (``.schedule``, ``.planned``), or the call."""
        return _get().cause

    def progress(self, done: float, total: float) -> None:
        """Show how far the work is; returns at once, also on an event loop."""
        current = _get()
        if math.isfinite(done) and math.isfinite(total):
            current.note(f"{float(done):.15g}/{float(total):.15g}", "")

    def log(self, line: str) -> None:
        """Keep a line with the run (the newest 100 stay), redacted; returns at once, also on an event loop."""
        _get().note("", redacted(str(line), 1000))

    def __repr__(self) -> str:
        current = _current.get(None)
        return "<no run>" if current is None else f"<run {current.id} of {current.task}, attempt {current.attempt}>"


def _get() -> Current:
    try:
        return _current.get()
    except LookupError:
        raise CoreError(
            "`run` is the current run, and none is going on here. Use it inside a handler or job."
        ) from None


run = Run()
