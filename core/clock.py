"""The one place that reads time; everywhere else time is an argument."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for measuring durations."""
    return time.monotonic()


def thread_seconds(ident: int) -> float:
    """Return the processor time of a thread of this process, in seconds; 0 where the system does not tell."""
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(ident))
    except (AttributeError, OSError):
        return 0.0


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
