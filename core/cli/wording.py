"""How commands word times, durations and errors, as the pages do: pure functions, time is an argument."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from core.ledger.keys import STATES
from core.ledger.views import Json

MINUTE, HOUR, DAY = 60, 3600, 86400


def ago(text: str | None, now: datetime) -> str:
    """Return an RFC 3339 time as seen from *now*: ``3 min ago``, ``in 2 h``; '' where there is none."""
    if not text:
        return ""
    seconds = (datetime.fromisoformat(text) - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"in {coarse(seconds)}" if seconds > 0 else f"{coarse(-seconds)} ago"


def full(text: str | None, now: datetime) -> str:
    """Return an RFC 3339 time in full and as seen from *now*; '' where there is none."""
    return f"{text} ({ago(text, now)})" if text else ""


def coarse(seconds: float) -> str:
    """Return *seconds* in one unit, rounded down: ``59 s``, ``9 min``, ``11 h``, ``3 d``."""
    size, unit = next(
        ((size, unit) for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")) if seconds >= size), (1, "s")
    )
    return f"{int(seconds // size):,} {unit}"


def duration(seconds: float) -> str:
    """Return how long something took: ``84 ms``, ``1.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    ms = round(max(seconds, 0) * 1000)
    if ms < 1000:
        return f"{ms} ms"
    if ms < 9950:
        return f"{ms / 1000:.1f} s"
    whole = round(ms / 1000)
    for large, unit, small, rest in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if whole >= large:
            more = whole % large // small
            return f"{whole // large:,} {unit}" + (f" {more} {rest}" if more else "")
    return f"{whole} s"


def took(attempt: Json, now: datetime) -> str:
    """Return how long a run's last attempt, or an attempt, took or has taken so far; '' if it has not begun."""
    started, finished = attempt["started"], attempt["finished"]
    if not started:
        return ""
    end = datetime.fromisoformat(finished) if finished else now
    seconds = (end - datetime.fromisoformat(started)).total_seconds()
    if finished:
        return duration(seconds)
    return f"{coarse(max(seconds, 0))} so far" if attempt.get("state", attempt.get("outcome")) == "running" else ""


def spelling(schedule: Json) -> str:
    """Return when a schedule fires, as its author wrote it."""
    if "every" in schedule:
        return f"every {duration(schedule['every'])}"
    return str(schedule["cron"]) if "cron" in schedule else f"at {schedule['at']}"


def tally(runs: Iterable[Json]) -> str:
    """Count *runs* by state, in the order in which a run lives: ``1 running, 2 succeeded``."""
    counted = Counter(run["state"] for run in runs)
    return ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state])


def worded(error: Mapping[str, Any] | None, limit: int = 80) -> str:
    """Return an error as one line of at most *limit* characters: ``TimeoutError: no answer within 30 s``."""
    text = ": ".join(str(part) for part in ((error or {}).get("type"), (error or {}).get("message")) if part)
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def number(count: int, noun: str) -> str:
    """Return ``1 run``, ``2,000 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
