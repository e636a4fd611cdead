"""The table of the scenarios of schedules, for people and for programs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos import tables
from benchmarks.chaos.beats.scenario import Outcome
from benchmarks.chaos.check import quantile

HEADS = (
    "scenario", "adapter", "due", "fired", "skipped", "missed", "lost", "doubled", "not done",
    "late p50 / p99 / max s", "longest standstill s", "kills", "exits", "verdict",
)  # fmt: skip
SAID = (
    "Due is counted from intervals, not asked of who fires. A standstill is how much longer than its interval an entry "
    "went without a start; RedBeat keeps no planned times, so its losses are what is missing between its starts."
)


@dataclass(frozen=True)
class Row:
    """What one scenario with one adapter came to."""

    scenario: str
    title: str
    adapter: str
    entries: int
    seconds: float
    due: int
    fired: int
    skipped: int
    missed: int
    lost: int
    doubled: int
    undone: int
    late: tuple[float, float, float]
    standstill: float
    kills: int
    exits: int
    complaints: list[str]
    date: str = ""
    seed: int = 0
    scale: float = 1.0

    @property
    def passed(self) -> bool:
        return not self.complaints

    @property
    def verdict(self) -> str:
        return "pass" if self.passed else ("FAIL: " if self.adapter == "ours" else "") + "; ".join(self.complaints)


def row(outcome: Outcome, seed: int, scale: float) -> Row:
    """Sum up an outcome."""
    found, story = outcome.account, outcome.scenario
    lates = list(found.lates.values())
    return Row(
        scenario=story.name,
        title=story.title,
        adapter=outcome.adapter,
        entries=len(story.entries),
        seconds=story.seconds,
        due=found.due,
        fired=len(found.fired),
        skipped=len(found.skipped),
        missed=len(found.missed),
        lost=len(found.lost),
        doubled=len(found.doubled),
        undone=len(found.undone),
        late=(_round(quantile(lates, 0.5)), _round(quantile(lates, 0.99)), _round(quantile(lates, 1.0))),
        standstill=_round(max(found.gaps, default=0.0)),
        kills=outcome.kills,
        exits=len(outcome.exits),
        complaints=outcome.complaints,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        seed=seed,
        scale=scale,
    )


def earlier(folder: Path) -> list[Row]:
    """Return the rows of the table in *folder*, if there is one."""
    return [Row(**fields) for fields in tables.earlier(folder / "schedules.json")]


def merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return the rows of both; a new one takes the place of an old one of the same scenario and adapter."""
    rows = {(one.scenario, one.adapter): one for one in (*old, *new)}
    return sorted(rows.values(), key=lambda one: (one.scenario, one.adapter != "ours", one.adapter))


def write(folder: Path, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write ``schedules.md`` and ``schedules.json`` into *folder*."""
    tables.write(folder / "schedules.json", facts, rows, markdown(facts, rows))


def markdown(facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """Return the table for people."""
    lines = [
        "# Chaos of schedules",
        "",
        f"{facts['date']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}, load before it "
        f"{facts['load'][0]}; seed {facts['seed']} (of the last run).",
        SAID,
        "",
        "| " + " | ".join(HEADS) + " |",
        "|" + "---|" * len(HEADS),
        *(_line(one) for one in rows),
        "",
        *_titles(rows),
    ]
    return "\n".join(lines) + "\n"


def _titles(rows: Sequence[Row]) -> list[str]:
    ours = {one.scenario: one for one in sorted(rows, key=lambda one: one.adapter == "ours")}
    return [f"- **{name}**: {one.title}; {one.seconds:g} s, scale {one.scale:g}" for name, one in sorted(ours.items())]


def _line(one: Row) -> str:
    late = " / ".join(f"{value:.2f}" for value in one.late) if any(one.late) else "-"
    cells = [
        one.scenario, one.adapter, one.due, one.fired, one.skipped, one.missed, one.lost, one.doubled, one.undone, late,
        f"{one.standstill:.1f}", one.kills, one.exits, one.verdict,
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _round(value: float) -> float:
    return round(value, 3)
