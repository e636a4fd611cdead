"""Counters: how many runs ended and how many began in each minute of a day and each hour of a month, and their waits.

The scripts count as they go, so nothing here walks over runs. A wait is counted under the first of ``BOUNDS`` that it
does not exceed; what is read out of that is as exact as these are narrow.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.ledger.flow import Command, Flow
from core.ledger.keys import Keys

OUTCOMES = ("succeeded", "discarded", "dead", "retrying", "cancelled")
BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000)  # ms, as in claim.lua
WAITS = tuple(f"w{n + 1}" for n in range(len(BOUNDS) + 1))
NAMES = (*OUTCOMES, *WAITS)
MINUTE, HOUR = 60_000, 3_600_000  # ms
KEPT = {MINUTE: 25 * 60, HOUR: 31 * 24}  # how many of each are kept
ASKED = 40  # minutes or hours of one command: the server has others to serve
SCANNED = 500  # fields that are looked at in one step


@dataclass(frozen=True)
class Tally:
    """What was counted from *start* on, in ms since the epoch.

    *ended* has every outcome; ``retrying`` are attempts that failed and are made again. *started* are first attempts;
    half of them waited up to *p50* ms, all but a twentieth up to *p95*.
    """

    start: int
    ended: Mapping[str, int]
    started: int
    p50: float | None
    p95: float | None


Past = dict[tuple[int, int], Tally]  # by length in minutes and start: stretches that ended, so nothing is added to them


def series(keys: Keys, now: int, buckets: int, minutes: int, past: Past) -> Flow[list[Tally]]:
    """Return the last *buckets* stretches of *minutes* each, the oldest first; the last one goes on at *now*, in ms.

    Whole hours reach back a month, anything else a day. A stretch that has ended is read once: *past* keeps it, for
    a day's chart is made of 30,000 fields.
    """
    key, unit = (keys.hours, HOUR) if minutes % 60 == 0 else (keys.minutes, MINUTE)
    length = minutes * MINUTE
    width, current = length // unit, now // length * length
    starts = range(current - (buckets - 1) * length, current + 1, length)
    found = {start: tally for start in starts if (tally := past.get((minutes, start)))}
    unknown = [start for start in starts if start not in found]
    counted = yield from _counted(key, [start // unit + n for start in unknown for n in range(width)])
    found |= {start: _tally(start, counted[n * width : (n + 1) * width]) for n, start in enumerate(unknown)}
    past.update({(minutes, start): found[start] for start in unknown if start < current})
    for place in [place for place in list(past) if place[0] == minutes and place[1] < starts[0]]:
        past.pop(place, None)
    return [found[start] for start in starts]


def lately(keys: Keys, now: int, minutes: int) -> Flow[Tally]:
    """Return what was counted in the last *minutes*, of which one goes on at *now*, in ms."""
    first = now // MINUTE - minutes + 1
    return _tally(first * MINUTE, (yield from _counted(keys.minutes, range(first, first + minutes))))


def forget_counts(keys: Keys, now: int, places: tuple[int, int]) -> Flow[tuple[int, int]]:
    """Look at some of the counters from *places* on and remove what is too old at *now*; returns the next places."""
    found = yield [("HSCAN", key, place, "COUNT", SCANNED) for key, place in zip(keys.counters, places, strict=True)]
    commands: list[Command] = []
    for key, (unit, kept), (_, fields) in zip(keys.counters, KEPT.items(), found, strict=True):
        if old := [field for field in fields if int(field.partition(b":")[0]) <= now // unit - kept]:
            commands.append(("HDEL", key, *old))
    if commands:
        yield commands
    minutes, hours = (int(place) for place, _ in found)
    return minutes, hours


def _counted(key: str, units: Sequence[int]) -> Flow[list[Counter[str]]]:
    """Return what was counted in each of *units*, which are minutes or hours since the epoch."""
    pages = [units[n : n + ASKED] for n in range(0, len(units), ASKED)]
    answers = yield [("HMGET", key, *(f"{unit}:{name}" for unit in page for name in NAMES)) for page in pages]
    values = [int(value or 0) for answer in answers for value in answer]
    return [
        Counter(dict(zip(NAMES, values[n : n + len(NAMES)], strict=True))) for n in range(0, len(values), len(NAMES))
    ]


def _tally(start: int, counted: Sequence[Counter[str]]) -> Tally:
    total: Counter[str] = sum(counted, Counter())
    waits = [total[name] for name in WAITS]
    ended = {name: total[name] for name in OUTCOMES}
    return Tally(start, ended, sum(waits), _within(waits, 0.5), _within(waits, 0.95))


def _within(waits: Sequence[int], share: float) -> float | None:
    """Return the wait in ms that a *share* did not exceed; what is beyond the last bound counts as that."""
    left = share * sum(waits)
    for count, low, high in zip(waits, (0, *BOUNDS), (*BOUNDS, BOUNDS[-1]), strict=True):
        if count and count >= left:
            return low + (high - low) * left / count
        left -= count
    return None
