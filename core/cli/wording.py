"""How commands word times, durations, sizes and errors, as the pages do: pure functions, time is an argument."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from core.ledger.keys import STATES
from core.ledger.views import Json
from core.wording import coarse as coarse
from core.wording import duration as duration
from core.wording import relative
from core.wording import size as size
from core.wording import spelling as spelling


def ago(text: str | None, now: datetime) -> str:
    """Return an RFC 3339 time as seen from *now*: ``3 min ago``, ``in 2 h``; '' where there is none."""
    return relative((datetime.fromisoformat(text) - now).total_seconds()) if text else ""


def full(text: str | None, now: datetime) -> str:
    """Return an RFC 3339 time in full and as seen from *now*; '' where there is none."""
    return f"{text} ({ago(text, now)})" if text else ""


def took(attempt: Json, now: datetime) -> str:
    """Return how long a run's last attempt, or an attempt, took or has taken so far; '' if it has not begun."""
    started, finished = attempt["started"], attempt["finished"]
    if not started or attempt.get("state") == "cancelled":  # it was ended while it waited
        return ""
    end = datetime.fromisoformat(finished) if finished else now
    seconds = (end - datetime.fromisoformat(started)).total_seconds()
    if finished:
        return duration(seconds)
    return f"{coarse(max(seconds, 0))} so far" if attempt.get("state", attempt.get("outcome")) == "running" else ""


def tally(runs: Iterable[Json]) -> str:
    """Count *runs* by state, in the order in which a run lives: ``1 running, 2 succeeded``."""
    counted = Counter(run["state"] for run in runs)
    return ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state])


def worded(error: Mapping[str, Any] | None, limit: int = 80) -> str:
    """Return an error as one line of at most *limit* characters: ``TimeoutError: no answer within 30 s``."""
    text = ": ".join(str(part) for part in ((error or {}).get("type"), (error or {}).get("message")) if part)
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
