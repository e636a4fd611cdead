"""How pages and commands word times, durations and sizes: pure functions, time is an argument."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

MINUTE, HOUR, DAY = 60, 3600, 86400
AGO = re.compile(r"(\d{1,6})\s*(s|min|h|d)")
SPAN = re.compile(r"(\d{1,10}(?:\.\d{1,3})?)\s*(s|min|m|h|d|w)?")
UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "min": 60, "m": 60, "s": 1}


def parse(text: object) -> datetime | None:
    """Return the instant that RFC 3339 *text* names, or None where it names none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def earlier(text: str, now: datetime) -> datetime | None:
    """Return the instant that an age such as ``30min``, ``24h`` or ``7d`` names, or None where it names none."""
    found = AGO.fullmatch(text.strip())
    try:
        return found and now - timedelta(seconds=int(found[1]) * UNITS[found[2]])
    except OverflowError:
        return None


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


def span(text: str) -> float | None:
    """Return the seconds of a span as people write it: ``90``, ``90s``, ``5min``, ``2h``, ``1d``; None for others."""
    found = SPAN.fullmatch(text.strip())
    return None if found is None else float(found[1]) * UNITS[found[2] or "s"]


def spelled(seconds: float) -> str:
    """Return *seconds* as ``span`` reads them, in the largest unit without a fraction: ``90s``, ``5min``, ``2h``."""
    unit = next((name for name in ("d", "h", "min") if seconds and seconds % UNITS[name] == 0), "s")
    return f"{seconds / UNITS[unit]:.15g}{unit}"


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


def counted(count: int, noun: str) -> str:
    """Return ``1 run``, ``2,000 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def waiting(count: int) -> str:
    """Return ``1 run waits``, ``2,000 runs wait``."""
    return f"{counted(count, 'run')} wait{'s' if count == 1 else ''}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return the words with commas, and *last* before the last one."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end
