"""What checks look at, and what they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.config import Config
from core.ledger.alive import Process
from core.readiness import Checks

Level = Literal["ok", "warn", "bad"]
Json = Mapping[str, Any]
LEVELS: tuple[Level, ...] = ("ok", "warn", "bad")


@dataclass(frozen=True)
class Finding:
    """What one check found: how bad it is, the fact, and what to do, '' where nothing has to be done."""

    name: str
    level: Level
    fact: str
    advice: str = ""

    def view(self) -> dict[str, str]:
        """Return the finding as the API answers it."""
        return {"name": self.name, "level": self.level, "fact": self.fact, "advice": self.advice}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Something that was spoken to: what it is, and why it did not answer, '' where it did."""

    what: str
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found.

    ``info`` is the ledger's INFO; ``fsync`` and ``snapshots`` are its settings appendfsync and save, None where CONFIG
    is closed. ``skew`` is the seconds by which this process's clock is ahead of the server's. ``oldest_key`` and
    ``newest_key`` tell with which of our keys the oldest and the newest records are sealed, -1 for none of ours and
    None without a record. ``held`` are names of some of the ``held_count`` schedules that are held.
    """

    config: Config
    info: Json
    where: str = ""
    fsync: str | None = None
    snapshots: str | None = None
    skew: float = 0.0
    open: int = 0
    readiness: Checks = field(default_factory=dict)
    processes: Sequence[Process] = ()
    queues: Sequence[Json] = ()
    held: Sequence[str] = ()
    held_count: int = 0
    oldest_key: int | None = None
    newest_key: int | None = None
    catalog: str = ""
    broker: Probe = Probe(what="Redis")
    backend: Probe = Probe(what="Redis")
    versions: Mapping[str, str] = field(default_factory=dict)
