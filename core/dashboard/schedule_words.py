"""How pages word planned times and what became of them: pure functions, time is an argument."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from core.clock import from_ms
from core.ledger.fires import Fate
from core.ledger.firing import Fire
from core.triggers import Trigger
from core.triggers.plan import Disturbed
from core.wording import counted, duration, parse

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
OUTAGE = re.compile(r"no scheduler was alive from (\S+Z) to (\S+Z)")
AHEAD = timedelta(days=366)  # in which clock changes are looked for
LATE = "late"
MAKERS = {
    "api": "made over the API",
    "cli": "made at the command line",
    "dashboard": "made on the dashboard",
    "import": "imported",
    "redbeat": "RedBeat's own entry",
}


def day_and_time(at: datetime, now: datetime) -> str:
    """Return *at* as short as it stays clear on the day of *now*: ``14:50``, ``Wed 25 Nov, 07:00``."""
    local = at.astimezone(now.tzinfo)
    return clock(local) if local.date() == now.date() else f"{local:%a} {day(local, now)}, {clock(local)}"


def day(local: datetime, now: datetime) -> str:
    """Return the day of *local*: ``25 Nov``; with its year where that is another one than now's."""
    year = "" if local.year == now.year else f" {local.year}"
    return f"{local.day} {MONTHS[local.month - 1]}{year}"


def clock(local: datetime) -> str:
    """Return the time of day of *local*: ``07:00``, with seconds if there are any."""
    seconds = f":{local.second:02}" if local.second or local.microsecond else ""
    return f"{local.hour:02}:{local.minute:02}{seconds}"


def due(text: object, now: datetime) -> str:
    """Return RFC 3339 *text* as ``day_and_time`` says it; '' where it is no time."""
    found = parse(text)
    return day_and_time(found, now) if found else ""


def wall(text: str, timezone: str) -> str:
    """Return RFC 3339 *text* as the clocks of *timezone* show it: ``Sat 28 Nov 2026, 02:30 CET``."""
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(timezone))
    return f"{local:%a} {local.day} {MONTHS[local.month - 1]} {local.year}, {clock(local)} {local.tzname()}"


def stamp(row: Fire, now: datetime) -> str:
    """Return the planned time of *row*, or the stretch of several: ``23 Nov 02:15 to 23 Nov 04:15, 9 times``."""
    local = row.planned.astimezone(now.tzinfo)
    first = f"{day(local, now)} {clock(local)}"
    if row.until is None:
        return first
    last = row.until.astimezone(now.tzinfo)
    return f"{first} to {day(last, now)} {clock(last)}, {row.count:,} times"


def cause(row: Fire, now: datetime) -> str:
    """Return why *row* is as it is: ``late by 38 s: no beat was alive from 14:03:51 to 14:12:02``."""
    if row.cause == "on time":
        return row.cause
    text = OUTAGE.sub(lambda found: _away(found[1], found[2], now), row.cause)
    if row.state == "fired" and row.cause.startswith(LATE) and row.late:
        return f"late by {duration(row.late)}{text.removeprefix(LATE)}"
    return text


def became(row: Fire, fate: Fate | None, now: datetime) -> str:
    """Return what became of a planned time in one line: ``on time, 50 min``, ``skipped: paused``."""
    if row.state != "fired":
        return f"{row.state}: {cause(row, now)}"
    if fate is None:
        return cause(row, now)
    state = "" if fate.state == "succeeded" else f", run {fate.state}"
    length = took(fate, now)
    return f"{cause(row, now)}{state}{', ' if length else ''}{length}"


def seconds(fate: Fate | None, now: datetime) -> float | None:
    """Return how long a run's last attempt took, or has taken so far."""
    if fate is None or fate.started is None or fate.state == "cancelled":
        return None
    if fate.state == "running":
        return max((now - from_ms(fate.started)).total_seconds(), 0)
    return None if fate.finished is None else max(fate.finished - fate.started, 0) / 1000


def took(fate: Fate | None, now: datetime) -> str:
    """Return that in words: ``3 min 20 s``, ``26 min so far``."""
    length = seconds(fate, now)
    return f"{duration(length)}{' so far' if fate and fate.state == 'running' else ''}" if length is not None else ""


def absences(rows: Iterable[Fire], now: datetime) -> list[str]:
    """Return a sentence for each time without a beat that *rows* tell of, with what came of it."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        if told := OUTAGE.search(row.cause):
            tally = found.setdefault((told[1], told[2]), {})
            word = "fired late" if row.state == "fired" else row.state
            tally[word] = tally.get(word, 0) + row.count
    return [f"N{_away(*when, now)[1:]}: {_counted(tally)}." for when, tally in found.items()]


def missed_of_late(rows: Sequence[Fire], now: datetime, most: int) -> str:
    """Return how many planned times were missed today, as far as *rows*, the newest *most* of them, tell."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = [row for row in rows if (row.until or row.planned) >= midnight]
    missed = sum(row.count for row in today if row.state == "missed")
    more = len(today) == most  # there were others before them
    return f"{missed:,}{' or more' if more else ''} missed today" if missed else ""


@lru_cache(maxsize=4096)
def disturbed(timing: Trigger, day: datetime) -> Disturbed | None:
    """Return the first clock change of the year from *day* on that falls on a planned time."""
    return timing.disturbed(day, day + AHEAD)


def warning(found: Disturbed) -> str:
    """Return what a clock change does, and how to stay clear of it."""
    day = f"{found.low:%A} {found.low.day} {found.low:%B} {found.low.year}"
    low, high = f"{found.low:%H:%M}", f"{found.high:%H:%M}"
    if found.twice:
        fact = f"On {day} the clocks show the time from {low} to {high} twice; it fires the first time only."
    else:
        fact = f"On {day} the clocks leave out the time from {low} to {high}; it fires at {high}."
    return f"{fact} To stay clear of it in every year, plan before {low} or from {high} on."


def maker(view: Mapping[str, Any], now: datetime) -> str:
    """Return where a schedule comes from: file and line, or who made it and when."""
    if view.get("place"):
        return str(view["place"])
    said = MAKERS.get(str(view.get("owner")), f"made by {view.get('owner')}")
    made = parse(view.get("created"))
    if made is None:
        return said
    local = made.astimezone(now.tzinfo)
    return f"{said}, {'today' if local.date() == now.date() else day(local, now)}"


def _away(since: str, until: str, now: datetime) -> str:
    first, last = parse(since), parse(until)
    if first is None or last is None:
        return f"no beat was alive from {since} to {until}"
    begin, end = day_and_time(first, now), day_and_time(last, now)
    same = first.astimezone(now.tzinfo).date() == last.astimezone(now.tzinfo).date()
    return f"no beat was alive from {begin} to {end.rpartition(', ')[2] if same else end}"


def _counted(tally: Mapping[str, int]) -> str:
    return ", ".join(f"{counted(count, 'planned time')} {word}" for word, count in tally.items())
