"""What became of planned times, read back."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count as counting
from typing import NamedTuple

from core.clock import to_ms
from core.ledger.firing import Fire, row_of
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.listing import Page

STRIDE = 50  # rows that are looked at in one go for one that is about planned times
AT_ONE_TIME = 2**20  # more rows than ever stand at one time


def fires(keys: Keys, schedule: str, limit: int, before: int | None = None) -> Flow[list[Fire]]:
    """Return what became of a schedule's planned times, newest first, those before *before* (ms) only."""
    top = "+inf" if before is None else f"({before}"
    [rows] = yield [("ZRANGE", keys.fires(schedule), top, "-inf", "BYSCORE", "REV", "LIMIT", 0, limit)]
    return [row_of(row) for row in rows]


def fire_page(keys: Keys, schedule: str, page: Page) -> Flow[tuple[list[Fire], int | None]]:
    """Return a page of what became of a schedule's planned times, newest first, and the place of the next one.

    A row of several times stands at its first one. Several rows may stand at one time: a place counts those shown.
    """
    top, shown = (page.until, 0) if page.before is None else divmod(page.before, AT_ONE_TIME)
    bottom = "-inf" if page.since is None else page.since
    last = "+inf" if top is None else top
    wanted = ("ZRANGE", keys.fires(schedule), last, bottom, "BYSCORE", "REV", "LIMIT", shown, page.limit + 1)
    [rows] = yield [wanted]
    found = [row_of(row) for row in rows]
    if len(found) <= page.limit:
        return found, None
    found.pop()
    at = found[-1].ms
    same = sum(row.ms == at for row in found) + (shown if at == top else 0)
    return found, at * AT_ONE_TIME + same


def between(keys: Keys, schedule: str, since: datetime, until: datetime) -> Flow[list[Fire]]:
    """Return what became of the planned times from *since* to *until*, oldest first.

    A row of several times stands at its first one, so the row that reaches into the range is among them.
    """
    first, last = to_ms(since), to_ms(until)
    [rows] = yield [("ZRANGE", keys.fires(schedule), first, last, "BYSCORE")]
    found = [row_of(row) for row in rows]
    before = yield from _planned_before(keys, schedule, first)
    return [before, *found] if before and before.until and before.until >= since else found


def _planned_before(keys: Keys, schedule: str, ms: int) -> Flow[Fire | None]:
    """Return the newest row before *ms* that is about planned times: runs that were asked for lie anywhere."""
    for start in counting(0, STRIDE):
        [rows] = yield [("ZRANGE", keys.fires(schedule), f"({ms}", "-inf", "BYSCORE", "REV", "LIMIT", start, STRIDE)]
        for row in map(row_of, rows):
            if row.cause != "asked":
                return row
        if len(rows) < STRIDE:
            break
    return None


def last_fires(keys: Keys, schedules: Sequence[str]) -> Flow[list[Fire | None]]:
    """Return the newest row of each schedule."""
    if not schedules:
        return []
    rows = yield [("ZRANGE", keys.fires(name), 0, 0, "REV") for name in schedules]
    return [row_of(row[0]) if row else None for row in rows]


def recent_fires(keys: Keys, schedules: Sequence[str], limit: int) -> Flow[list[list[Fire]]]:
    """Return the newest *limit* rows of each schedule, oldest first."""
    if not schedules:
        return []
    found = yield [("ZRANGE", keys.fires(name), 0, limit - 1, "REV") for name in schedules]
    return [[row_of(row) for row in reversed(rows)] for rows in found]


class Fate(NamedTuple):
    """What became of a run: its state, and when its last attempt began and ended, in ms since the epoch."""

    state: str
    started: int | None
    finished: int | None


def fates(keys: Keys, runs: Sequence[str]) -> Flow[dict[str, Fate]]:
    """Return what became of each of *runs* that is still there."""
    if not runs:
        return {}
    rows = yield [("HMGET", keys.run(run), "state", "started", "finished") for run in runs]
    return {
        run: Fate(state.decode(), int(started) if started else None, int(finished) if finished else None)
        for run, (state, started, finished) in zip(runs, rows, strict=True)
        if state
    }


def missed_since(keys: Keys, schedules: Sequence[str], since: datetime, looked: int) -> Flow[list[tuple[str, Fire]]]:
    """Return the newest missed row of each schedule, of its last *looked* rows and if it is about *since* or later."""
    if not schedules:
        return []
    found = yield [("ZRANGE", keys.fires(name), 0, looked - 1, "REV") for name in schedules]
    missed = []
    for name, rows in zip(schedules, found, strict=True):
        read = (row_of(row) for row in rows if b'"missed"' in row)
        newest = next((row for row in read if row.state == "missed"), None)
        if newest and (newest.until or newest.planned) >= since:
            missed.append((name, newest))
    return missed


def counts(keys: Keys) -> Flow[dict[str, int]]:
    """Return how many planned times were fired, skipped and missed, since the ledger began."""
    [found] = yield [("HMGET", keys.counts, "fired", "skipped", "missed")]
    return {name: int(count or 0) for name, count in zip(("fired", "skipped", "missed"), found, strict=True)}
