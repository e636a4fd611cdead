"""A scenario of schedules: what is due, what is done to those that fire it, what has to be true in the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.beats.account import Account
from benchmarks.chaos.beats.entries import Entry
from benchmarks.chaos.evidence import Line
from benchmarks.chaos.faults import At, Done, Each
from benchmarks.chaos.fleet import Exit


@dataclass
class Outcome:
    """All that is known of one scenario with one adapter.

    *held* are the reasons that the API shows for hostile entries, *wild* the names of those that it ought to name.
    """

    scenario: "Story"
    adapter: str
    folder: Path
    account: Account
    lines: Sequence[Line]
    faults: Sequence[Done]
    exits: Sequence[Exit]
    stuck: int
    down: Sequence[tuple[int, int]] = ()
    asked: Sequence[tuple[str, int]] = ()
    wild: Sequence[str] = ()
    held: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(fault.action.startswith(("kill", "stop")) for fault in self.faults)


Criterion = Callable[[Outcome], str]  # a complaint, or '' where all is well


@dataclass(frozen=True)
class Story:
    """*faults* are done while *entries* are due, for so many *seconds*; with *apart* the broker is another server.

    *hostile* broken entries are written into Redis at the beginning.
    """

    name: str
    title: str
    entries: Sequence[Entry]
    seconds: float
    criteria: Sequence[Criterion]
    faults: Sequence[At | Each] = ()
    apart: bool = False
    hostile: int = 0
    drain: float = 120.0
    adapters: Sequence[str] = ("ours",)
