"""Advancing a schedule and accepting its run in one step."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.causes import Cause, Keyring
from core.clock import from_ms, rfc3339, to_ms
from core.ledger.acceptance import Acceptance, Request, acceptance
from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys


@dataclass(frozen=True, kw_only=True)
class Fire:
    """What became of one planned time. ``late`` is seconds after it; ``cause`` says why.

    Equal neighbours may be one: *count* planned times from *planned* to *until*.
    """

    planned: datetime
    state: str
    cause: str
    late: float | None = None
    run: str | None = None
    until: datetime | None = None
    count: int = 1

    def row(self) -> str:
        """Return the row as the ledger keeps it; the planned time is its score and part of its text."""
        several = [to_ms(self.until), self.count] if self.until and self.count > 1 else []
        row = [to_ms(self.planned), self.state, self.cause, self.late, self.run, *several]
        return json.dumps(row, separators=(",", ":"))

    def view(self) -> dict[str, Any]:
        """Return the row as the API shows it."""
        named = {"planned": rfc3339(self.planned), "state": self.state, "cause": self.cause}
        several = {"from": rfc3339(self.planned), "to": rfc3339(self.until), "count": self.count} if self.until else {}
        return {**named, "late": self.late, "run": self.run, **several}


@dataclass(frozen=True)
class Stored:
    """A schedule's entry as it stands in Redis: its key and the three fields, byte for byte."""

    key: str
    definition: bytes
    meta: bytes
    ours: bytes


@dataclass(frozen=True, kw_only=True)
class Advance:
    """How an entry changes: new meta and own field, the timetable's next score (None: no next), rows to keep.

    *skipped* is meta and own field where the fire is skipped because the last run is not finished.
    """

    meta: str
    ours: str
    skipped: tuple[str, str]
    next_score: float | None
    rows: Sequence[Fire] = ()


def fire(
    keys: Keys,
    keyring: Keyring,
    schedule: str,
    timetable: str,
    stored: Stored,
    advance: Advance,
    fired: Fire | None,
    cause: Cause | None,
    request: Request | None,
    *,
    unless_going: str | None = None,
) -> Flow[str]:
    """Advance the entry *stored* of *schedule* and accept the run of *fired*; returns OK, DUP, SKIPPED or STALE.

    Without *fired* the entry only advances. With *unless_going*, a run id, the planned time is skipped while
    that run is not terminal. STALE: the entry has changed since it was read; nothing was done.
    """
    accepted = acceptance(keys, keyring, cause, [request]) if cause and request else Acceptance()
    skipped = ""
    if fired and unless_going:
        skipped = Fire(planned=fired.planned, state="skipped", cause=f"overlap: {unless_going} still runs").row()
    own: list[str | bytes | int] = [stored.definition, stored.meta, stored.ours, advance.meta, advance.ours]
    own += ["" if advance.next_score is None else repr(advance.next_score)]
    own += [to_ms(fired.planned) if fired else 0, fired.row() if fired else "", skipped, *advance.skipped]
    own += [len(advance.rows)]
    for row in advance.rows:
        own += [to_ms(row.planned), row.row()]
    head = [keys.record(cause.ledger_id) if cause else stored.key, keys.due, *keys.states]
    entry = [stored.key, timetable, keys.fires(schedule), keys.run(unless_going or "none")]
    [(status, _)] = yield [Script("fire", [*head, *entry, *accepted.keys], [*own, *accepted.args])]
    verdict: str = status.decode()
    return verdict


def fires(keys: Keys, schedule: str, limit: int, before: int | None = None) -> Flow[list[Fire]]:
    """Return what became of a schedule's planned times, newest first, those before *before* (ms) only."""
    top = "+inf" if before is None else f"({before}"
    [rows] = yield [("ZRANGE", keys.fires(schedule), top, "-inf", "BYSCORE", "REV", "LIMIT", 0, limit)]
    return [_fire(row) for row in rows]


def last_fires(keys: Keys, schedules: Sequence[str]) -> Flow[list[Fire | None]]:
    """Return the newest row of each schedule."""
    if not schedules:
        return []
    rows = yield [("ZRANGE", keys.fires(name), 0, 0, "REV") for name in schedules]
    return [_fire(row[0]) if row else None for row in rows]


def _fire(row: bytes) -> Fire:
    planned, state, cause, late, run, *several = json.loads(row)
    until, count = (from_ms(several[0]), several[1]) if several else (None, 1)
    return Fire(planned=from_ms(planned), state=state, cause=cause, late=late, run=run, until=until, count=count)
