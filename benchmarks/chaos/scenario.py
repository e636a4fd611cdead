"""A scenario is data: a load, a house, what is done to it, and what has to be true in the end."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.chaos.acceptance import Offer
from benchmarks.chaos.check import Findings
from benchmarks.chaos.evidence import Line
from benchmarks.chaos.faults import At, Done, Each
from benchmarks.chaos.fleet import Exit
from benchmarks.chaos.ledger import LedgerFindings
from benchmarks.chaos.load import Load
from benchmarks.chaos.shape import Shape

ALL = ("plain", "tuned", "ours")


@dataclass
class Outcome:
    """All that is known of one scenario with one adapter."""

    scenario: "Scenario"
    adapter: str
    folder: Path
    findings: Findings
    ledger: LedgerFindings | None
    offers: dict[str, Offer]
    lines: list[Line]
    faults: list[Done]
    exits: list[Exit]
    stuck: int
    alive_after: bool
    drain: float
    memory: tuple[int, int] = (0, 0)
    resident: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    complaints: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many runs were accepted."""
        return 2 * self.findings.acked

    @property
    def kills(self) -> int:
        return sum(fault.action.startswith("kill") for fault in self.faults)

    def times(self, action: str) -> list[float]:
        """Return when an action was done."""
        return [fault.time for fault in self.faults if fault.action == action]

    def statuses(self) -> Counter[int]:
        return Counter(status for offer in self.offers.values() for status, _, _ in offer.answers)


Criterion = Callable[[Outcome], str]  # a complaint, or '' where all is well


@dataclass(frozen=True)
class Scenario:
    """*before* and *after* are actions around the load; *faults* go on during it. *drain* is seconds, at most."""

    name: str
    title: str
    load: Load
    criteria: Sequence[Criterion]
    faults: Sequence[At | Each] = ()
    before: Sequence[str | tuple[str, float]] = ()
    after: Sequence[str] = ()
    shape: Shape = field(default_factory=Shape)
    drain: float = 90.0
    adapters: Sequence[str] = ALL
    soak: bool = False  # not one of the list that `make chaos` runs

    def scaled(self, scale: float) -> "Scenario":
        """Return the scenario with another number of events; the load outlasts its faults, what must be true stays."""
        if scale == 1:
            return self
        last = max((fault.at for fault in self.faults if isinstance(fault, At)), default=0.0)
        least = round(self.load.rate * (last + 8)) if last else 50
        return replace(self, load=replace(self.load, events=max(least, round(self.load.events * scale))))
