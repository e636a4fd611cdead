"""What the ledger itself says afterwards: its state, its invariants, and the file of all its writes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from benchmarks.chaos.writes import writes
from core.causes import header, ledger_id
from core.ledger.keys import STATES, TERMINAL, Keys, cause_of

KEYS = Keys("carillon")
SOURCE = "/api"  # of events that name none
CHUNK = 1000


@dataclass
class LedgerFindings:
    """What stands in the ledger after a scenario."""

    states: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    ended_twice: list[str] = field(default_factory=list)
    hints: int = 0
    runs: dict[str, dict[str, str]] = field(default_factory=dict)


def examine(
    client: redis.Redis, accepted: Iterable[str], handlers: Sequence[str], files: Sequence[Path]
) -> LedgerFindings:
    """Look at the whole ledger, and at the append-only *files* for runs that ended more than once.

    What retention has forgotten was recorded all the same: its dedupe mark stays for a day.
    """
    found = LedgerFindings(runs=_runs(client))
    found.states = Counter(run["state"] for run in found.runs.values())
    found.stuck = [ident for ident, run in found.runs.items() if run["state"] not in TERMINAL]
    found.dead = [ident for ident, run in found.runs.items() if run["state"] == "dead"]
    tasks: dict[str, set[str]] = defaultdict(set)
    for ident, run in found.runs.items():
        tasks[cause_of(ident)].add(run["task"])
    found.half = [cause for cause, names in tasks.items() if 0 < len(names & set(handlers)) < len(handlers)]
    missing = [event for event in accepted if ledger_id(SOURCE, event) not in tasks]
    found.unrecorded = [event for event in missing if not client.exists(KEYS.mark(ledger_id(SOURCE, event)))]
    found.broken = _broken(client, found.runs)
    written = writes(files)
    found.hints, ends = written.hints, written.ends
    found.ended_twice = [run for run, times in ends.items() if times > 1]
    return found


def _broken(client: redis.Redis, runs: dict[str, dict[str, str]]) -> list[str]:
    """Return a sentence for each invariant that does not hold."""
    due = set(_members(client, KEYS.due))
    indexed = {state: _members(client, KEYS.state(state)) for state in STATES}
    found = [f"{run} is due and does not exist" for run in due - runs.keys()]
    found += [f"{run} is {s} and does not exist" for s, index in indexed.items() for run in index.keys() - runs.keys()]
    for run, fields in runs.items():
        state = fields["state"]
        at = [name for name, index in indexed.items() if run in index]
        if at != [state]:
            found.append(f"{run} is {state} and stands under {at}")
        elif indexed[state][run] != float(fields["pos"]):
            found.append(f"{run} has another place than its index says")
        if (run in due) == (state in TERMINAL):
            found.append(f"{run} is {state} and {'in' if run in due else 'not in'} due")
    places = Counter(fields["pos"] for fields in runs.values())
    found += [f"{n} runs have place {place}" for place, n in places.items() if n > 1]
    return found + _broken_causes(client, runs)


def _broken_causes(client: redis.Redis, runs: dict[str, dict[str, str]]) -> list[str]:
    wanted: set[str] = set()
    names = _scan(client, KEYS.record("*"))
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        records: Any = client.mget(part)
        for name, record in zip(part, records, strict=True):
            if record:
                cause = name.rpartition(":")[2]
                wanted |= {f"{cause}.{n}" for n in range(header(record)["runs"])}
    found = [f"{run} was accepted and does not exist" for run in wanted - runs.keys()]
    return found + [f"{run} has no cause" for run in runs.keys() - wanted]


def _runs(client: redis.Redis) -> dict[str, dict[str, str]]:
    names = _scan(client, KEYS.run("*"))
    found = {}
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        pipeline = client.pipeline(transaction=False)
        for name in part:
            pipeline.hgetall(name)
        for name, fields in zip(part, pipeline.execute(), strict=True):
            found[name.rpartition(":")[2]] = {key.decode(): value.decode() for key, value in fields.items()}
    return found


def _scan(client: redis.Redis, pattern: str) -> list[str]:
    return sorted({name.decode() for name in client.scan_iter(pattern, count=5000)})


def _members(client: redis.Redis, key: str) -> dict[str, float]:
    found: Any = client.zrange(key, 0, -1, withscores=True)
    return {member.decode(): score for member, score in found}
