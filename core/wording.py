"""How pages and commands word times, durations and sizes: pure functions, time is an argument."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MINUTE, HOUR, DAY = 60, 3600, 86400


def parse(text: object) -> datetime | None:
    """Return the instant that RFC 3339 *text* names, or None where it names none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def relative(seconds: float) -> str:
    """Return a distance from now: ``12 s ago``, ``in 9 min``."""
    if abs(seconds) < 1:
        return "now"
    return f"in {coarse(seconds)}" if seconds > 0 else f"{coarse(-seconds)} ago"


def coarse(seconds: float) -> str:
    """Return *seconds* in one unit, rounded down: ``59 s``, ``9 min``, ``11 h``, ``3 d``."""
    seconds = max(seconds, 0)
    for size_, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size_:
            return f"{int(seconds // size_):,} {unit}"
    return f"{int(seconds)} s"


def duration(seconds: float | None) -> str:
    """Return how long something took: ``84 ms``, ``1.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None:
        return ""
    ms = round(max(seconds, 0) * 1000)
    if ms < 1000:
        return f"{ms} ms"
    if ms < 9950:
        return f"{ms / 1000:.1f} s"
    whole = round(ms / 1000)
    for large, unit, small, rest in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if whole >= large:
            more = whole % large // small
            return f"{whole // large:,} {unit} {more} {rest}" if more else f"{whole // large:,} {unit}"
    return f"{whole} s"


def size(count: int | None) -> str:
    """Return *count* bytes for people: ``512 B``, ``1.6 KB``, ``214 MB``, ``1 GB``."""
    if count is None:
        return ""
    amount = float(max(count, 0))
    unit = "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1024, larger
    text = f"{amount:.1f}" if unit != "B" and amount < 9.95 else f"{amount:.0f}"
    return f"{text.removesuffix('.0')} {unit}"


def between(start: object, end: object) -> float | None:
    """Return the seconds from one RFC 3339 text to another, or None where either is no time."""
    first, last = parse(start), parse(end)
    return None if first is None or last is None else max((last - first).total_seconds(), 0)


def age(text: object, now: datetime) -> float | None:
    """Return the seconds since *text*; a clock that runs ahead counts as zero."""
    found = parse(text)
    return None if found is None else max((now - found).total_seconds(), 0)


def spelling(schedule: Mapping[str, Any]) -> str:
    """Return when a schedule fires, as its author wrote it."""
    if schedule.get("cron"):
        return str(schedule["cron"])
    every = schedule.get("every")
    if every:
        return f"every {duration(every)}" if isinstance(every, int | float) else f"every {every}"
    if schedule.get("rrule"):
        return str(schedule["rrule"])
    return "at " + str(schedule["at"]).replace("T", " ", 1) if schedule.get("at") else ""
