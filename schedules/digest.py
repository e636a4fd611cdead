"""The hourly digest of what GitHub told us."""

from core import cron, emit, run
from handlers.github import digest


@cron("0 * * * *")
def hourly_digest() -> int:
    """Turn the day's activity so far into an event; whoever wants to tell people subscribes to it."""
    planned = run.cause.planned
    found = digest(f"{planned:%Y-%m-%d}")
    emit(found)
    return found.deliveries
