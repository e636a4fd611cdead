"""What came out, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench.environments import pinned
from benchmarks.bench.report import machine

WORKS = {
    "burst": "10,000 entries due in one second, half cron half interval",
    "punctual": "1,000 entries each 10 s, one after the other, for 60 s",
    "idle": "100,000 entries that are not due",
}
PACKAGES = ("celery-redbeat", "celery", "redis", "hiredis")


@dataclass(frozen=True)
class Figure:
    """A figure of a work and how it is said; *most* is what is wanted of ours, *times* of theirs against ours."""

    work: str
    name: str
    head: str
    form: str = "{:,.1f}"
    most: float = 0.0
    times: float = 0.0


FIGURES = (
    Figure("burst", "seconds", "s until the last message is with the broker", "{:,.2f}", 1.2, 12),
    Figure("burst", "own_us", "CPU of beat, us an entry", "{:,.0f}"),
    Figure("burst", "server_us", "CPU of the server, us an entry", "{:,.0f}"),
    Figure("punctual", "fires", "fires", "{:,.0f}"),
    Figure("punctual", "p50_ms", "late p50, ms"),
    Figure("punctual", "p99_ms", "late p99, ms", most=1000),
    Figure("punctual", "max_ms", "late at most, ms"),
    Figure("idle", "tick_ms", "CPU of a tick, ms", "{:,.2f}", 2),
    Figure("idle", "server_ms", "CPU of the server, ms a second", "{:,.2f}"),
    Figure("idle", "rss_mb", "RSS of beat, MB", "{:,.0f}", 150),
    Figure("idle", "pss_mb", "PSS of beat, MB", "{:,.0f}"),
)


class Findings:
    """The figures of each work and system, round by round, and what could not be played."""

    def __init__(self, rounds: int, scale: float) -> None:
        self.facts = machine(rounds, scale) | {"redbeat": {name: pinned("redbeat")[name] for name in PACKAGES}}
        self.rounds: dict[tuple[str, str], list[Mapping[str, float]]] = {}
        self.failed: list[str] = []

    def median(self, work: str, system: str, name: str) -> float | None:
        """Return the median of a figure, if there is one."""
        played = self.rounds.get((work, system), [])
        return median(one[name] for one in played) if played else None

    def lines(self) -> list[dict[str, Any]]:
        """Return one line for each figure of the works that were played."""
        played = {work for work, _ in self.rounds}
        return [self._line(figure) for figure in FIGURES if figure.work in played]

    def as_markdown(self) -> str:
        """Return the table."""
        facts = self.facts
        versions = ", ".join(f"{name} {number}" for name, number in facts["redbeat"].items())
        heads = ("work", "", "ours", "RedBeat", "ratio", "wanted", "", "ours, each round", "RedBeat, each round")
        return "\n".join([
            "# Schedules",
            "",
            f"{facts['date']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}; {facts['rounds']} "
            f"rounds of the burst, scale {facts['scale']:g}, load before it {facts['load'][0]}.",
            f"RedBeat: {versions}, its beat woken each second; its lateness is from one fire to the next, for it keeps "
            "no planned times. Medians; both took turns.",
            "",
            _row(heads),
            "|" + "---|" * len(heads),
            *(_row(_cells(line)) for line in self.lines()),
            *(["", *(f"- could not be played: {why}" for why in self.failed)] if self.failed else []),
        ]) + "\n"  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write ``schedules.md`` and ``schedules.json`` into *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        rounds = {f"{work} / {system}": played for (work, system), played in self.rounds.items()}
        whole = {"machine": self.facts, "figures": self.lines(), "rounds": rounds, "failed": self.failed}
        (folder / "schedules.json").write_text(json.dumps(whole, indent=1) + "\n")
        (folder / "schedules.md").write_text(self.as_markdown())

    def _line(self, figure: Figure) -> dict[str, Any]:
        ours, theirs = (self.median(figure.work, system, figure.name) for system in ("ours", "RedBeat"))
        ratio = theirs / ours if ours and theirs else None
        met = [ours <= figure.most] if figure.most and ours is not None else []
        met += [ratio >= figure.times] if figure.times and ratio is not None else []
        wanted = [f"at most {figure.most:g}"] if figure.most else []
        wanted += [f"RedBeat takes {figure.times:g} times as long"] if figure.times else []
        each = {system: [one[figure.name] for one in self.rounds.get((figure.work, system), [])]
                for system in ("ours", "RedBeat")}  # fmt: skip
        return {"work": figure.work, "figure": figure.name, "ours": ours, "redbeat": theirs, "ratio": ratio,
                "wanted": ", ".join(wanted), "verdict": ("met" if all(met) else "missed") if met else "",
                "each": each}  # fmt: skip


def _cells(line: Mapping[str, Any]) -> Sequence[str]:
    figure = next(one for one in FIGURES if (one.work, one.name) == (line["work"], line["figure"]))
    sizes = [figure.form.format(line[side]) if line[side] is not None else "-" for side in ("ours", "redbeat")]
    ratio = f"**{line['ratio']:.1f}**" if line["ratio"] else "-"
    each = [", ".join(figure.form.format(value) for value in played) or "-" for played in line["each"].values()]
    return WORKS[figure.work], figure.head, *sizes, ratio, line["wanted"] or "-", line["verdict"], *each


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
