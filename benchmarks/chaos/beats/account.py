"""What became of each planned time: what was due, against what the ledger says and what the worker did."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import redis

from benchmarks.chaos.beats.entries import WALL, Entry
from benchmarks.chaos.evidence import Line
from core.ledger.keys import Keys

KEYS = Keys("carillon")
Time = tuple[str, int]  # an entry's name and a planned time in ms


@dataclass
class Account:
    """Planned times by what became of them; ``lates`` and ``gaps`` are seconds.

    ``lost``: due, and neither fired nor skipped nor missed. ``odd``: fired, and not due. ``undone``: fired, and its
    run did not end. ``doubled``: more than one run or row, or a run that ended twice.
    A gap is how much longer than its interval an entry went without a start.
    """

    due: int = 0
    fired: set[Time] = field(default_factory=set)
    skipped: set[Time] = field(default_factory=set)
    missed: set[Time] = field(default_factory=set)
    lost: list[Time] = field(default_factory=list)
    odd: list[Time] = field(default_factory=list)
    undone: list[Time] = field(default_factory=list)
    doubled: list[Time] = field(default_factory=list)
    lates: dict[Time, float] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)
    counts: str = ""  # what is wrong with the ledger's own counters

    @property
    def of_state(self) -> Mapping[str, set[Time]]:
        return {"fired": self.fired, "skipped": self.skipped, "missed": self.missed}


def account(
    client: redis.Redis, entries: Iterable[Entry], made: Mapping[str, int], until: int, lines: Sequence[Line]
) -> Account:
    """Compare what was due after it was *made*, up to *until* (ms), with the ledger and the evidence."""
    found, totals = Account(), Counter[str]()
    for entry in entries:
        due = set(entry.due(made[entry.name], until))
        found.due += len(due)
        seen = Counter[int]()
        for planned, state, last, count in rows_of(client, entry.name):
            totals[state] += count
            times = [at for at in entry.due(planned - 1, last) if at <= until]
            seen.update(times)
            found.of_state[state].update((entry.name, at) for at in times)
            found.odd += [(entry.name, at) for at in times if at not in due]
        found.lost += [(entry.name, at) for at in sorted(due - seen.keys())]
        found.doubled += [(entry.name, at) for at, times in seen.items() if times > 1]
    _done(found, lines, until)
    found.gaps = gaps({entry.name: entry.seconds for entry in entries if entry.seconds}, lines, until)
    found.counts = _miscounted(client, totals)
    return found


def rows_of(client: redis.Redis, name: str) -> list[tuple[int, str, int, int]]:
    """Return the rows of an entry: planned ms, state, last planned ms, how many times."""
    raw: Any = client.zrange(KEYS.fires(name), 0, -1)
    rows = [json.loads(one) for one in raw]
    return [(planned, state, *(more or (planned, 1))) for planned, state, _, _, _, *more in rows]


def ticks_of(client: redis.Redis, name: str) -> list[int]:
    """Return the times (ms) of the ticks that fired an entry, as its rows tell them."""
    raw: Any = client.zrange(KEYS.fires(name), 0, -1)
    return [planned + round(late * 1000) for planned, _, _, late, *_ in map(json.loads, raw) if late is not None]


def gaps(seconds: Mapping[str, int], lines: Sequence[Line], until: int) -> list[float]:
    """Return, for each start of an entry, how much later than its interval after the one before it came."""
    starts: dict[str, list[float]] = {name: [] for name in seconds}
    for line in lines:
        name = line.event.partition("@")[0]
        if line.what == "start" and name in starts:
            starts[name].append(line.time + WALL)
    found = []
    for name, times in starts.items():
        ends = [*sorted(at for at in times if at * 1000 <= until), until / 1000]
        found += [later - earlier - seconds[name] for earlier, later in pairwise(ends)]
    return found


def _done(found: Account, lines: Sequence[Line], until: int) -> None:
    runs: dict[Time, set[str]] = defaultdict(set)
    ends = Counter[Time]()
    for line in lines:
        name, _, planned = line.event.rpartition("@")
        key = name, int(planned)
        if key[1] > until:
            continue
        runs[key].add(line.run)
        ends[key] += line.what == "end"
        if line.what == "start":
            late = line.time + WALL - key[1] / 1000
            found.lates[key] = min(late, found.lates.get(key, late))
    found.undone = sorted(found.fired - {key for key, times in ends.items() if times})
    found.doubled += [key for key, names in runs.items() if len(names) > 1 or ends[key] > 1]
    found.odd += [key for key in runs if key not in found.fired]


def _miscounted(client: redis.Redis, totals: Mapping[str, int]) -> str:
    states = ("fired", "skipped", "missed")
    raw: Any = client.hmget(KEYS.counts, *states)
    wrong = [
        f"{int(said or 0)} {state}, its rows {totals.get(state, 0)}"
        for state, said in zip(states, raw, strict=True)
        if int(said or 0) != totals.get(state, 0)
    ]
    return f"the ledger counted {'; '.join(wrong)}" if wrong else ""


def account_of_peer(entries: Sequence[Entry], counted: int, until: int, lines: Sequence[Line]) -> Account:
    """Return the account of a scheduler without a ledger: what is lost shows in the gaps between its starts.

    *counted* is how many fires its own entries claim.
    """
    found = Account()
    seconds = {entry.name: entry.seconds for entry in entries}
    starts = {
        (line.event.partition("@")[0], round((line.time + WALL) * 1000)) for line in lines if line.what == "start"
    }
    found.fired = {one for one in starts if one[1] <= until}
    found.gaps = gaps(seconds, lines, until)
    for name, interval in seconds.items():
        for excess in gaps({name: interval}, lines, until):
            found.lost += [(name, 0)] * max(0, round(excess / interval))
    found.due = len(found.fired) + len(found.lost)
    if counted > len(starts):
        found.counts = f"{counted - len(starts)} were counted as sent and never came"
    return found
