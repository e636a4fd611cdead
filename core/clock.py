"""The one place that reads time; everywhere else time is an argument."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for measuring durations."""
    return time.monotonic()


def thread_clock(ident: int) -> Callable[[], float]:
    """Return what tells the processor time, in seconds, of a thread of this process that lives now.

    It tells 0 when the thread has ended, or where the system does not tell.
    """
    try:
        clock = time.pthread_getcpuclockid(ident)  # ends the process if the thread has ended: ask only once
    except (AttributeError, OSError):
        return lambda: 0.0

    def seconds() -> float:
        try:
            return time.clock_gettime(clock)
        except OSError:
            return 0.0

    return seconds


def to_ms(moment: datetime) -> int:
    """Return *moment* (aware) as whole milliseconds since the Unix epoch."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """Return the instant *ms* milliseconds after the Unix epoch, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def rfc3339(moment: datetime) -> str:
    """Return *moment* as RFC 3339 text in UTC, with milliseconds only where there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00").removesuffix(".000") + "Z"
