"""Celery's own ``beat_schedule``: its entries are stored as plain RedBeat entries, as RedBeat does."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from celery import Celery
from celery.schedules import maybe_schedule
from redbeat.decoder import RedBeatJSONEncoder

from core.entries import Layout
from core.errors import CoreError
from core.ledger.flow import Command, Flow
from core.plain import Unfit


def tasks_of(celery: Celery) -> list[str]:
    """Return the tasks that ``beat_schedule`` names: what code names is allowed."""
    return [str(entry.get("task")) for entry in (celery.conf.beat_schedule or {}).values()]


def install(celery: Celery, layout: Layout, now: datetime) -> Flow[list[CoreError]]:
    """Store the entries of ``beat_schedule``, and take away those that are in it no more.

    Where an entry has run it goes on from there. Returns why some of them cannot be stored.
    """
    wanted = dict(celery.conf.beat_schedule or {})
    statics = f"{layout.prefix}:statics"  # RedBeat's own list of them
    [before] = yield [("SMEMBERS", statics)]
    known = {name.decode() for name in before}
    commands: list[Command] = []
    problems: list[CoreError] = []
    for name in known - wanted.keys():
        commands += [("ZREM", layout.timetable, layout.key(name)), ("DEL", layout.key(name)), ("SREM", statics, name)]
    for name, entry in wanted.items():
        try:
            definition = _definition(celery, name, entry)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            problems.append(Unfit(f"beat_schedule: {name!r} cannot be stored as RedBeat stores it: {error!r}"))
            continue
        key = layout.key(name)
        commands += [
            ("HSET", key, "definition", definition),
            ("HSETNX", key, "meta", '{"last_run_at": null}'),
            ("ZADD", layout.timetable, "NX", now.timestamp(), key),
            ("SADD", statics, name),
        ]
    if commands:
        yield commands
    return problems


def _definition(celery: Celery, name: str, entry: Mapping[str, Any]) -> str:
    found = {
        "name": name,
        "task": entry["task"],
        "args": list(entry.get("args", ())),
        "kwargs": dict(entry.get("kwargs", {})),
        "options": dict(entry.get("options", {})),
        "schedule": maybe_schedule(entry["schedule"], app=celery),
        "enabled": entry.get("enabled", True),
    }
    return json.dumps(found, cls=RedBeatJSONEncoder)
