"""Entries that cannot be fired are held, with the reason, and shown; nothing of them is touched, all others go on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.clock import rfc3339
from core.entries import Layout
from core.ledger.firing import Stored
from core.ledger.flow import Command, Flow

LONGEST_REASON = 500


@dataclass(frozen=True)
class Held:
    """Why the entry *name* is not fired, and since when (RFC 3339)."""

    name: str
    reason: str
    since: str


def hold(layout: Layout, reasons: Mapping[str, str], freed: Sequence[str], now: datetime) -> Flow[None]:
    """Note that the entries of *reasons*, by name, are held, and that those *freed* are held no more."""
    since, place = rfc3339(now), layout.keys.quarantine
    noted = {name: json.dumps({"reason": _shortened(why), "since": since}) for name, why in reasons.items()}
    commands: list[Command] = [("HSET", place, *(part for pair in noted.items() for part in pair))] if noted else []
    commands += [("HDEL", place, *freed)] if freed else []
    if commands:
        yield commands


def release(layout: Layout, names: Sequence[str]) -> Flow[None]:
    """Note that the entries *names* are held no more."""
    yield [("HDEL", layout.keys.quarantine, *names)]


def held(layout: Layout) -> Flow[dict[str, Held]]:
    """Return the entries that are held, by name."""
    [found] = yield [("HGETALL", layout.keys.quarantine)]
    pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
    return {name.decode(): Held(name.decode(), **json.loads(noted)) for name, noted in pairs}


def put_off(layout: Layout, stored: Sequence[tuple[Stored, float]]) -> Flow[None]:
    """Let entries be looked at again at the given times (s since the epoch); the timetable's score is a mere hint."""
    if stored:
        pairs = [part for one, score in stored for part in (repr(score), one.key)]
        yield [("ZADD", layout.timetable, "XX", *pairs)]


def _shortened(reason: str) -> str:
    """Return *reason* without its middle where it is long: it may begin with a long name, and ends with what to do."""
    half = LONGEST_REASON // 2
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:half]} ... {reason[-half:]}"
