"""Who is alive: workers, sweepers and beats say so, and others look."""

import json
from dataclasses import dataclass
from typing import Any

from core.ledger.flow import Flow, Script, scored, server_now
from core.ledger.keys import Keys

INFO_TTL = 60_000  # ms that a silent process stays listed


@dataclass(frozen=True)
class Process:
    """A process that spoke lately. ``age`` is ms since its last heartbeat, by the server's clock.

    ``order`` is what it was told within the last minute, obeyed or not.
    """

    role: str
    id: str
    age: int
    info: dict[str, Any]
    order: str = ""

    @property
    def member(self) -> str:
        return f"{self.role}:{self.id}"

    @property
    def takes(self) -> bool:
        """Whether it takes new runs, if it is a worker."""
        return not self.info.get("quiet") and not self.info.get("stopping")

    @property
    def obeyed(self) -> bool:
        """Whether nothing is left of its order that it has not done."""
        quiet, stopping = bool(self.info.get("quiet")), bool(self.info.get("stopping"))
        return {"quiet": quiet, "resume": not quiet, "stop": stopping}.get(self.order, True)


def beat(keys: Keys, role: str, ident: str, info: dict[str, Any]) -> Flow[str]:
    """Say that the process *ident* is alive in its *role*: worker, sweeper or beat.

    Returns the order that was left for it within the last minute, or ''. To obey one twice is to obey it once.
    """
    member = f"{role}:{ident}"
    said = Script("beat", [keys.alive, keys.process(member)], [member, json.dumps(info), INFO_TTL])
    [_, order] = yield [said, ("GET", keys.order(member))]
    return (order or b"").decode()


def gone(keys: Keys, role: str, ident: str) -> Flow[None]:
    """Say that a process has ended, or is known to be dead: nobody waits for its heartbeat."""
    member = f"{role}:{ident}"
    yield [("ZREM", keys.alive, member), ("DEL", keys.process(member), keys.order(member))]


def alive(keys: Keys) -> Flow[list[Process]]:
    """Return the processes that spoke within the last minute, the newest heartbeat first."""
    now = yield from server_now()
    [found] = yield [("ZRANGE", keys.alive, "+inf", now - INFO_TTL, "BYSCORE", "REV", "WITHSCORES")]
    if not found:
        return []
    members = scored(found)
    answers = yield [("GET", key(member)) for member, _ in members for key in (keys.process, keys.order)]
    processes = []
    for (member, seen), info, order in zip(members, answers[::2], answers[1::2], strict=True):
        role, _, ident = member.partition(":")
        told = (order or b"").decode()
        processes.append(Process(role, ident, max(0, now - int(seen)), json.loads(info or "{}"), told))
    return processes
