"""The one place that reads time; everywhere else time is an argument."""

import os
import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for measuring durations."""
    return time.monotonic()


def thread_seconds(native_id: int) -> float:
    """Return the processor time of a thread of this process, in seconds; 0 where the system does not tell.

    Read from /proc: ``pthread_getcpuclockid`` ends the process if the thread has just ended.
    """
    try:
        with open(f"/proc/self/task/{native_id}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
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
