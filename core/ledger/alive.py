"""Who is alive: workers, sweepers and beats say so, and others look."""

import json
from dataclasses import dataclass
from typing import Any

from core.ledger.flow import Flow, Script, scored, server_now
from core.ledger.keys import Keys

INFO_TTL = 60_000  # ms that a silent process stays listed


@dataclass(frozen=True)
class Process:
    """A process that spoke lately. ``age`` is ms since its last heartbeat, by the server's clock."""

    role: str
    id: str
    age: int
    info: dict[str, Any]


def beat(keys: Keys, role: str, ident: str, info: dict[str, Any]) -> Flow[None]:
    """Say that the process *ident* is alive in its *role*: worker, sweeper or beat."""
    member = f"{role}:{ident}"
    yield [Script("beat", [keys.alive, keys.process(member)], [member, json.dumps(info), INFO_TTL])]


def gone(keys: Keys, role: str, ident: str) -> Flow[None]:
    """Say that a process has ended, or is known to be dead: nobody waits for its heartbeat."""
    member = f"{role}:{ident}"
    yield [("ZREM", keys.alive, member), ("DEL", keys.process(member))]


def alive(keys: Keys) -> Flow[list[Process]]:
    """Return the processes that spoke within the last minute, the newest heartbeat first."""
    now = yield from server_now()
    [found] = yield [("ZRANGE", keys.alive, "+inf", now - INFO_TTL, "BYSCORE", "REV", "WITHSCORES")]
    if not found:
        return []
    members = scored(found)
    infos = yield [("GET", keys.process(member)) for member, _ in members]
    processes = []
    for (member, seen), info in zip(members, infos, strict=True):
        role, _, ident = member.partition(":")
        processes.append(Process(role, ident, max(0, now - int(seen)), json.loads(info or "{}")))
    return processes
