"""Stores schedules from a process of a clone of this project, many at once, as the ledger keeps them."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from core.app import create_app
from core.clock import rfc3339
from core.entries import definition, meta
from core.house import House, house
from core.ledger.flow import Command, Flow
from core.planning import next_score
from core.schedule import Schedule

CHUNK = 1000
DAY = 86_400
MINUTELY: tuple[dict[str, Any], ...] = ({"cron": "* * * * *", "timezone": "UTC"}, {"every": 60.0, "timezone": "UTC"})


def burst(count: int) -> None:
    """Store schedules, half cron half interval, all due when the next minute begins."""
    begin = round(time.time() * 1000)
    _store(Schedule(**_named(n), trigger=MINUTELY[n % 2], created=begin, cursor=begin) for n in range(count))


def spread(count: int) -> None:
    """Store schedules that are due each ten seconds, one after the other."""
    begin = int(time.time()) + 1
    starts = [rfc3339(datetime.fromtimestamp(begin + 10 * n / count, UTC)) for n in range(count)]
    now = begin * 1000 - 1
    _store(
        Schedule(**_named(n), trigger={"every": 10.0, "starts_at": starts[n]}, created=now, cursor=now)
        for n in range(count)
    )


def idle(count: int) -> None:
    """Store schedules, half cron half interval, that are due tomorrow."""
    now = round(time.time() * 1000)
    later = now + DAY * 1000
    _store(
        Schedule(**_named(n), trigger=MINUTELY[n % 2], starts_at=later, created=now, cursor=now) for n in range(count)
    )


def _named(n: int) -> dict[str, Any]:
    return {"name": f"s{n}", "task": "nothing", "owner": "api"}


def _store(schedules: Iterable[Schedule]) -> None:
    here = house(create_app())
    here.ledger.run(_stored(here, schedules))


def _stored(here: House, schedules: Iterable[Schedule]) -> Flow[None]:
    layout = here.layout
    commands: list[Command] = []
    for one in schedules:
        key = layout.key(one.name)
        fields = ("definition", definition(one), "meta", meta(one), "carillon", layout.ours(one))
        commands.append(("HSET", key, *fields))
        commands.append(("ZADD", layout.timetable, repr(next_score(one)), key))
        commands.append(("ZADD", here.keys.schedules, 0, one.name))
        if len(commands) >= CHUNK:
            yield commands
            commands = []
    if commands:
        yield commands
