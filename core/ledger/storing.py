"""Writing a schedule's entry, unless somebody else was faster."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.ledger.firing import Fire, Stored
from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A schedule's entry as it is to stand in Redis, and the timetable's score (None: no next time)."""

    definition: str
    meta: str
    ours: str
    score: float | None


GONE = Entry(definition="", meta="", ours="", score=None)


def store(keys: Keys, name: str, timetable: str, before: Stored, after: Entry, rows: Sequence[Fire] = ()) -> Flow[bool]:
    """Put *after* in the place of *before*, with *rows* for planned times that will not fire; beat is woken.

    Returns False, and does nothing, where the entry is not as *before* any more.
    """
    args: list[str | bytes | int] = [before.definition, before.meta, before.ours]
    args += [after.definition, after.meta, after.ours, "" if after.score is None else repr(after.score)]
    args += [name, keys.wake, len(rows)]
    for row in rows:
        args += [row.ms, row.row()]
    [answer] = yield [Script("store", [before.key, timetable, keys.schedules, keys.fires(name)], args)]
    return bool(answer == b"OK")
