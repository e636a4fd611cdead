"""How the pages word times, durations, sizes and states: pure functions, time is an argument."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import Request
from markupsafe import Markup

from core.catalog import Task
from core.config import ROOT
from core.ledger.keys import STATES as STATES
from core.ledger.keys import TERMINAL as TERMINAL
from core.wording import HOUR
from core.wording import age as age
from core.wording import between as between
from core.wording import coarse as coarse
from core.wording import duration as duration
from core.wording import parse as parse
from core.wording import relative as relative
from core.wording import size as size
from core.wording import spelling as spelling

Row = Mapping[str, Any]

FAILING = ("retrying", "dead", "expired")
FIRES = {"fired": "scheduled", "skipped": "discarded", "missed": "missed"}
INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))")
SILENT = 15.0  # seconds without a heartbeat, three of them, before a process is called silent


@dataclass(frozen=True)
class Moment:
    """One instant, three times over: for machines, in full for people, and seen from now."""

    iso: str
    exact: str
    relative: str


def moment(text: object, now: datetime) -> Moment | None:
    """Return *text* as a Moment in the zone of *now*; None where it is no time."""
    found = parse(text)
    if found is None:
        return None
    try:
        local = found.astimezone(now.tzinfo)
    except OverflowError:  # senders may write the years 1 and 9999
        local = found
    iso = local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")
    return Moment(iso, exact(local), relative((found - now).total_seconds()))


def exact(local: datetime) -> str:
    """Return *local* in full: ``Tue 24 Nov 2026, 14:41:20 CET``."""
    fraction = f".{local.microsecond // 1000:03d}" if local.microsecond else ""
    return f"{local:%a} {local.day} {local:%b} {local.year}, {local:%H:%M:%S}{fraction} {local.tzname()}"


def clock(text: object, now: datetime) -> str:
    """Return *text*, a time, as the clock showed it: ``14:41:20``, on another day ``23 Nov, 14:41``."""
    found = moment(text, now)
    if found is None:
        return ""
    local = datetime.fromisoformat(found.iso)
    if local.date() == now.date():
        return f"{local:%H:%M:%S}"
    return (
        f"{local.day} {local:%b}, {local:%H:%M}" if local.year == now.year else f"{local.day} {local:%b} {local.year}"
    )


def brief(text: object, now: datetime) -> str:
    """Return *text*, a time, as ``clock`` does, without seconds where there are none: ``14:10``, ``14:03:51``."""
    said = clock(text, now)
    return said.removesuffix(":00") if said.count(":") == 2 else said


def timed(text: str, now: datetime) -> Markup:
    """Return *text*, escaped, with each RFC 3339 time in it as clocks show it."""
    parts = INSTANT.split(text)
    return Markup("").join(_instant(part, now) if n % 2 else Markup.escape(part) for n, part in enumerate(parts))


def _instant(text: str, now: datetime) -> Markup:
    found = moment(text, now)
    if found is None:
        return Markup.escape(text)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(found.iso, found.exact, brief(text, now))


def headline(now: datetime) -> str:
    """Return *now* as the head of a page says it: ``Tuesday 24 November 2026, 14:41:20``."""
    return f"{now:%A} {now.day} {now:%B} {now.year}, {now:%H:%M:%S}"


def zone(now: datetime) -> str:
    """Return the name of the zone in which the page tells its times."""
    return str(now.tzinfo or UTC)


def traced(text: str) -> str:
    """Return a traceback with the files of the application named from its own folder."""
    return text.rstrip().replace(f'File "{ROOT}/', 'File "')


def number(count: float | None) -> str:
    """Return *count* with its thousands parted."""
    count = count or 0
    return f"{int(count):,}" if count == int(count) else f"{count:,.1f}"


def with_query(request: Request, **changes: str) -> str:
    """Return the address of *request* with *changes* to its query; an empty one leaves the name out."""
    named = {**request.args.to_dict(flat=False), **{name: [text] for name, text in changes.items()}}
    pairs = [(name, text) for name, texts in named.items() for text in texts if text]
    return f"{request.script_root}{quote(request.path)}?{urlencode(pairs)}".rstrip("?")


def clip(value: object, limit: int = 160) -> str:
    """Return *value* as text of at most *limit* characters; strangers write long ones."""
    text = "" if value is None else str(value)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def breakable(text: str) -> Markup:
    """Return *text*, escaped, with places where a line may end: after the dots and underscores of a dotted name."""
    return Markup("<wbr>").join(re.split(r"(?<=[._/])(?=.)", text))


def ages(rows: Iterable[Row], now: datetime) -> list[float]:
    """Return the ages of the heartbeats of *rows*, youngest first."""
    return sorted(found for row in rows if (found := age(row.get("seen"), now)) is not None)


def of_role(rows: Iterable[Row], role: str) -> list[Row]:
    """Return the processes of one role, in an order that stays as heartbeats come in."""
    found = [row for row in rows if row["role"] == role]
    return sorted(found, key=lambda row: (str(row.get("started")), str(row["id"])))


def silent(row: Row, now: datetime) -> bool:
    """Say whether a process has not been heard of for too long."""
    found = age(row.get("seen"), now)
    return found is None or found > SILENT


def waited(run: Row) -> str:
    """Return how long a run that has started was due before it did."""
    due, started = parse(run.get("due")), run.get("started")
    began = parse(started)
    if due and began and due <= began:
        return duration(between(run.get("due"), started))
    first = (run.get("attempt") or 1) == 1  # of later attempts only `due` tells when they could have begun
    return duration(between(run.get("created"), started)) if first else ""


def took(run: Row, now: datetime) -> str:
    """Return how long the last attempt took, or has taken so far."""
    if run.get("state") == "cancelled":  # it was ended while it waited
        return ""
    if run.get("finished"):
        return duration(between(run.get("started"), run.get("finished")))
    if run.get("state") != "running":
        return ""
    so_far = age(run.get("started"), now)
    return "" if so_far is None else f"{coarse(so_far)} so far"


def attempts(task: Task | None, attempt: int) -> str:
    """Return which attempt a run is at, ``2 of 6`` where that is known: its task is, and nothing went past counting."""
    most = task.options.retries + 1 if task else 0
    return f"{attempt} of {most}" if 1 < attempt <= most else str(attempt or "")


def tally(runs: Iterable[Row]) -> list[tuple[str, int]]:
    """Count *runs* by state, in the order in which a run lives."""
    counted = Counter(str(run.get("state")) for run in runs)
    order = {state: place for place, state in enumerate(STATES)}
    return sorted(counted.items(), key=lambda pair: order.get(pair[0], len(order)))


def worded(error: Mapping[str, Any]) -> str:
    """Return an error as one line: ``TimeoutError: no answer within 30 s``."""
    return ": ".join(str(part) for part in (error.get("type"), error.get("message")) if part)


def within_the_hour(schedules: Iterable[Row], now: datetime) -> list[tuple[str, int, int]]:
    """Return label, minute and depth of each next fire within the hour; those of one minute stand in a row."""
    taken: Counter[int] = Counter()
    dots = []
    for schedule in schedules:
        planned = parse(schedule.get("next"))
        if planned and 0 <= (planned - now).total_seconds() < HOUR:
            local = planned.astimezone(now.tzinfo)
            dots.append((f"{local:%H:%M} {schedule.get('name')}", local.minute, taken[local.minute]))
            taken[local.minute] += 1
    return dots
