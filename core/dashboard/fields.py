"""What people write into fields, read: times on local clocks, spans. Messages say what was found and what is wanted."""

from datetime import datetime

from core.clock import from_ms, to_ms
from core.triggers.zones import settled, zone
from core.wording import span as span_of

TIME = "wanted a time such as 2026-11-22 09:00"
SPAN = "wanted seconds, or a span such as 90s, 5min, 2h, 1d"


def local_time(text: str, timezone: str, name: str) -> datetime:
    """Return the instant of *text*, a time on *timezone*'s clocks or RFC 3339; *name* is the field's.

    Raises:
        ValueError: it is none.
    """
    try:
        return settled(datetime.fromisoformat(text.strip()), timezone, name)
    except ValueError:
        raise ValueError(f"Found {text[:60]!r}; {TIME}.") from None


def local_text(ms: int, timezone: str) -> str:
    """Return an instant as a field for times on *timezone*'s clocks takes it; '' outside their years."""
    try:
        local = from_ms(ms).astimezone(zone(timezone)).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return ""
    exact = "milliseconds" if local.microsecond else "seconds" if local.second else "minutes"
    return local.isoformat(timespec=exact)


def now_text(now: datetime) -> str:
    """Return *now*, to the minute, as a field for times in its zone takes it."""
    return local_text(to_ms(now) // 60_000 * 60_000, str(now.tzinfo))


def span(text: str) -> float:
    """Return the seconds of a span of time.

    Raises:
        ValueError: it is none.
    """
    found = span_of(text)
    if found is None:
        raise ValueError(f"Found {text[:40]!r}; {SPAN}.")
    return found
