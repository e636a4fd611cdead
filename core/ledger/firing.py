"""Advancing schedules and accepting their runs, each in one step."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring_ascii as _quoted
from math import isnan
from typing import Any, NamedTuple

from core.causes import Keyring
from core.clock import from_ms, rfc3339, to_ms
from core.ledger.flow import Script
from core.ledger.keys import Keys
from core.ledger.packing import Packing, Wanted
from core.ledger.ready import LATE

SLICE = 25  # entries that one script advances: larger calls cost the server more an entry
NOT_YET = float("nan")  # how late a fire is that is made before its moment


@dataclass(frozen=True, kw_only=True)
class Fire:
    """What became of one planned time. ``late`` is seconds after it (NOT_YET: its call says it); ``cause`` says why.

    Equal neighbours may be one: *count* planned times from *planned* to *until*.
    """

    planned: datetime
    state: str
    cause: str
    late: float | None = None
    run: str | None = None
    until: datetime | None = None
    count: int = 1

    @property
    def ms(self) -> int:
        """The planned time in ms since the epoch: the row's score."""
        return to_ms(self.planned)

    def row(self) -> str:
        """Return the row as the ledger keeps it; the planned time is its score and part of its text."""
        late = "null" if self.late is None else LATE if isnan(self.late) else repr(self.late)
        run = "null" if self.run is None else f'"{self.run}"'
        several = f",{to_ms(self.until)},{self.count}" if self.until and self.count > 1 else ""
        return f'[{self.ms},"{self.state}",{_quoted(self.cause)},{late},{run}{several}]'

    def view(self) -> dict[str, Any]:
        """Return the row as the API shows it."""
        named = {"planned": rfc3339(self.planned), "state": self.state, "cause": self.cause}
        several = {"from": rfc3339(self.planned), "to": rfc3339(self.until), "count": self.count} if self.until else {}
        return {**named, "late": self.late, "run": self.run, **several}


class Stored(NamedTuple):
    """A schedule's entry as it stands in Redis: its key and the three fields, byte for byte."""

    key: str
    definition: bytes
    meta: bytes
    ours: bytes


class Move(NamedTuple):
    """How one entry goes on: new meta and own field ('' leaves it), the next score (None: no next time), rows to keep.

    *fired* is the row of the time that fires, with what it has accepted; None only moves on. With *overlap* (skip or
    queue_one) it is skipped, or its run waits, while the run *last_run* is not finished; *skipped* is meta and own
    field in the first case. *told* is the event that tells of a missed time.
    """

    name: str
    stored: Stored
    meta: str
    ours: str
    score: float | None
    fired: Fire | None = None
    accepted: Wanted | None = None
    overlap: str = ""
    last_run: str | None = None
    skipped: tuple[str, str] = ("", "")
    rows: Sequence[Fire] = ()
    told: Wanted | None = None


def fire(keys: Keys, keyring: Keyring, timetable: str, moves: Sequence[Move]) -> Script:
    """Return the call that makes *moves*, no two of one entry; it answers per move with a verdict and a cause's id.

    OK: it has advanced, and its run is accepted. DUP, CONFLICT: it has advanced; the run was there before. PARKED:
    its run waits for the last one. SKIPPED: because of overlap. STALE: the entry has changed since it was read;
    nothing was done.
    """
    packed = Packing(keys, keyring)
    numbers = [(_number(packed, move.accepted), _number(packed, move.told)) for move in moves]
    own: list[str | bytes | int] = [packed.place(key) for key in (timetable, keys.state("parked"), keys.counts)]
    own.append(len(moves))
    for move, of_causes in zip(moves, numbers, strict=True):
        own += _of_move(packed, keys, move, of_causes)
    own += [part for move in moves for row in move.rows for part in (row.ms, row.row())]
    return packed.script_with("fire", own)


def _of_move(packed: Packing, keys: Keys, move: Move, of_causes: tuple[int, int]) -> list[str | bytes | int]:
    stored, fired, last = move.stored, move.fired, move.last_run
    overlap = move.overlap if fired and last else ""
    run = fired.run if fired else None
    places = [packed.place(stored.key), packed.place(keys.fires(move.name))]
    places += [packed.place(keys.run(one)) if one and overlap else 0 for one in (last, run)]
    skips = sum(row.count for row in move.rows if row.state == "skipped") if move.rows else 0
    return [
        *places,
        run or "",
        last or "",
        stored.definition,
        stored.meta,
        stored.ours,
        move.meta,
        move.ours,
        "" if move.score is None else repr(move.score),
        *of_causes,
        fired.ms if fired else 0,
        fired.row() if fired else "",
        overlap,
        _overlapped(fired, "skipped", f"overlap: {last} still runs") if fired and overlap else "",
        *move.skipped,
        _overlapped(fired, "fired", f"waits for {last}") if fired and overlap else "",
        skips,
        sum(row.count for row in move.rows) - skips if move.rows else 0,
        len(move.rows),
    ]


def _number(packed: Packing, wanted: Wanted | None) -> int:
    if wanted is None:
        return 0
    packed.add(wanted)
    return packed.number


def _overlapped(fired: Fire, state: str, cause: str) -> str:
    late, run = (fired.late, fired.run) if state == "fired" else (None, None)
    return Fire(planned=fired.planned, state=state, cause=cause, late=late, run=run).row()


def row_of(row: bytes) -> Fire:
    """Return what the ledger keeps of a planned time."""
    planned, state, cause, late, run, *several = json.loads(row)
    until, count = (from_ms(several[0]), several[1]) if several else (None, 1)
    return Fire(planned=from_ms(planned), state=state, cause=cause, late=late, run=run, until=until, count=count)
