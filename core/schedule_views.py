"""Schedules as the API and the command line show them."""

from typing import Any

from core.clock import from_ms, rfc3339
from core.entries import Layout, Schedule, load_all
from core.ledger.firing import Fire, last_fires
from core.ledger.flow import Flow
from core.planning import next_fire


def schedule_views(layout: Layout) -> Flow[list[dict[str, Any]]]:
    """Return all schedules with their last and next fire, by name."""
    schedules = yield from load_all(layout)
    lasts = yield from last_fires(layout.keys, [schedule.name for schedule in schedules])
    return [schedule_view(schedule, last) for schedule, last in zip(schedules, lasts, strict=True)]


def schedule_view(schedule: Schedule, last: Fire | None) -> dict[str, Any]:
    """Return one schedule; *last* is the newest of its fires."""
    following = next_fire(schedule)
    trigger = dict(schedule.trigger)
    return {
        "name": schedule.name,
        "task": schedule.task,
        **{name: trigger[name] for name in ("cron", "every", "at") if name in trigger},
        "timezone": trigger.get("timezone", "UTC"),
        "overlap": schedule.overlap,
        "catch_up": schedule.catch_up,
        "jitter": schedule.jitter,
        "starts_at": schedule.starts_at and rfc3339(from_ms(schedule.starts_at)),
        "ends_at": schedule.ends_at and rfc3339(from_ms(schedule.ends_at)),
        "enabled": schedule.enabled,
        "paused": not schedule.enabled,
        "owner": schedule.owner,
        "place": schedule.place,
        "description": schedule.timing.describe(),
        "created": rfc3339(from_ms(schedule.created)),
        "last": last and last.view(),
        "next": following and rfc3339(following),
    }
