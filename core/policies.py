"""What a schedule's policies may be: the same for the markers, the API and the command line."""

from collections.abc import Iterator, Mapping
from typing import Any

POLICIES = ("overlap", "catch_up", "catch_up_window", "grace", "jitter", "max_runs", "pause_after")
SECONDS = ("catch_up_window", "jitter")  # kept as floats
OVERLAPS = ("allow", "skip", "queue_one")
CATCH_UPS = ("skip", "latest", "all")
LONGEST_WINDOW = 366 * 86_400  # seconds
LONGEST_JITTER = 86_400  # seconds
MOST_RUNS = 2**53


def policy_problems(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name of each policy in *given* that cannot be, and what it must be."""
    for name, value in given.items():
        wanted = _wanted(name, value)
        if wanted:
            yield name, wanted


def _wanted(name: str, value: Any) -> str:
    """Return what the policy *name* must be, or '' where *value* is fine or it is no policy."""
    if name == "overlap":
        return "" if value in OVERLAPS else f"must be one of {', '.join(OVERLAPS)}"
    if name == "catch_up":
        return "" if value in CATCH_UPS else f"must be one of {', '.join(CATCH_UPS)}"
    if name == "catch_up_window":
        return "" if _number(value, 0, LONGEST_WINDOW) else "must be seconds, from 0 to 366 days"
    if name == "grace":
        return "" if value is None or _number(value, 1, LONGEST_WINDOW) else "must be seconds, from 1 to 366 days"
    if name == "jitter":
        return "" if _number(value, 0, LONGEST_JITTER) else "must be a number of seconds, from 0 to a day"
    if name in ("max_runs", "pause_after"):
        fine = value is None or (type(value) is int and 1 <= value <= MOST_RUNS)
        return "" if fine else "must be a whole number from 1 on"
    return ""


def _number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most
