"""The timetable: which entries want to be looked at, and when a beat last did that."""

from collections.abc import Sequence
from datetime import datetime

from core.clock import from_ms, to_ms
from core.entries import Layout, load_keys
from core.ledger.firing import Stored
from core.ledger.flow import Command, Flow, scored

BATCH = 1000  # entries that are read in one go
LATER = 60.0  # seconds until an entry that cannot be fired is looked at again
LONGEST_SLEEP = 1.0  # seconds between two ticks: a change that nobody told of is seen that soon


def load_due(layout: Layout, now: datetime) -> Flow[list[Stored]]:
    """Return the entries whose next look is due at *now*, the earliest first, ``BATCH`` of them at most."""
    at = now.timestamp()
    [found] = yield [("ZRANGE", layout.timetable, "-inf", at, "BYSCORE", "LIMIT", 0, BATCH)]
    keys, odd = _texts(found)
    entries = yield from load_keys(keys)
    gone = set(keys) - {one.key for one in entries}
    commands: list[Command] = [("ZREM", layout.timetable, key) for key in gone]  # deleted by hand, but for this
    commands += [("ZADD", layout.timetable, "XX", at + LATER, key) for key in odd]
    if commands:
        yield commands
    return entries


def soon(layout: Layout, begin: float, end: float, most: int) -> Flow[dict[str, float]]:
    """Return the keys of *most* entries and when their next look is: after *begin*, up to *end* (s since the epoch)."""
    where = (layout.timetable, f"({begin}", end, "BYSCORE", "LIMIT", 0, most, "WITHSCORES")
    [found] = yield [("ZRANGE", *where)]
    return {key.decode(errors="replace"): float(score) for key, score in zip(found[::2], found[1::2], strict=True)}


def load_first(layout: Layout, limit: int) -> Flow[list[Stored]]:
    """Return the *limit* entries that want to be looked at first, however far away that is."""
    [found] = yield [("ZRANGE", layout.timetable, 0, limit - 1)]
    return (yield from load_keys(_texts(found)[0]))


def _texts(found: Sequence[bytes]) -> tuple[list[str], list[bytes]]:
    """Return those that are UTF-8, as text, and those that are not: no name of ours is like that."""
    texts, odd = list[str](), list[bytes]()
    for raw in found:
        try:
            texts.append(raw.decode())
        except UnicodeDecodeError:
            odd.append(raw)
    return texts, odd


def listed(layout: Layout, names: Sequence[str]) -> Flow[None]:
    """Let entries that are not ours be listed, too."""
    yield [("ZADD", layout.keys.schedules, *(part for name in names for part in (0, name)))]


def last_tick(layout: Layout) -> Flow[datetime | None]:
    """Return when a beat last fired all that was due."""
    [found] = yield [("GET", layout.keys.ticked)]
    return from_ms(int(found)) if found else None


def ticked(layout: Layout, now: datetime) -> Flow[None]:
    """Note that all that was due at *now* has been fired."""
    yield [("SET", layout.keys.ticked, to_ms(now))]


def until_next(layout: Layout, now: datetime) -> Flow[float]:
    """Return the seconds from *now* until the next entry wants to be looked at."""
    at = now.timestamp()
    [found] = yield [("ZRANGE", layout.timetable, f"({at}", "+inf", "BYSCORE", "LIMIT", 0, 1, "WITHSCORES")]
    return next((max(0.0, score - at) for _, score in scored(found)), LONGEST_SLEEP)
