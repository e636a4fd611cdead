"""What GitHub tells about our repositories: a running summary, and a digest of it.

An example, small and real: delete this file and ``schedules/digest.py``, and write your own.
"""

from collections import Counter

import redis
from flask import current_app

from core import Event, on, run

KEPT = 8 * 24 * 3600  # seconds that a day's activity is kept


class RepositoryActivity(Event):
    """How often each kind of thing happened in one repository, in one day."""

    repository: str
    total: int
    kinds: dict[str, int]


class ActivityDigest(Event, type="activity.digest"):
    """What happened in all repositories on one day, up to now."""

    day: str
    deliveries: int
    repositories: list[RepositoryActivity]


@on("github.*")
def keep_activity(event: Event) -> dict[str, object]:
    """Note the delivery under its own id, so that a second attempt changes nothing; return the summary so far."""
    repository = (event.data.get("repository") or {}).get("full_name") or "(no repository)"
    day = run.cause.time[:10]
    with store().pipeline() as pipe:
        pipe.hset(key(day, repository), run.cause.id, event.type.removeprefix("github."))
        pipe.expire(key(day, repository), KEPT)
        pipe.sadd(f"activity:{day}", repository)
        pipe.expire(f"activity:{day}", KEPT)
        pipe.execute()
    return summary(day, repository).model_dump()


@on(ActivityDigest)
async def write_digest(event: ActivityDigest) -> dict[str, object]:
    """Write the digest where the API shows it: as the result of this run."""
    lines = [f"{one.repository}: {one.total} ({', '.join(one.kinds)})" for one in event.repositories]
    return {"day": event.day, "deliveries": event.deliveries, "text": "\n".join(lines) or "A quiet day."}


def digest(day: str) -> ActivityDigest:
    """Return the digest of *day* (``2026-11-22``), the busiest repository first."""
    names = sorted(map(text, store().smembers(f"activity:{day}")))
    repositories = sorted((summary(day, name) for name in names), key=lambda one: -one.total)
    return ActivityDigest(day=day, deliveries=sum(one.total for one in repositories), repositories=repositories)


def summary(day: str, repository: str) -> RepositoryActivity:
    """Return what happened in *repository* on *day*."""
    kinds = Counter(map(text, store().hvals(key(day, repository))))
    return RepositoryActivity(repository=repository, total=kinds.total(), kinds=dict(kinds.most_common()))


def key(day: str, repository: str) -> str:
    """Return the key of a hash: delivery id -> kind."""
    return f"activity:{day}:{repository}"


def store() -> redis.Redis:
    """Return the client of the app's Redis, where a small application may keep its own things too."""
    found: redis.Redis = current_app.extensions["redis"]
    return found


def text(value: bytes | str) -> str:
    """Return what Redis holds as text."""
    return value.decode() if isinstance(value, bytes) else value
