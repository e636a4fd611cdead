"""The command line: ``python -m benchmarks.bench --only emit,drain --rounds 3 --scale 0.1 --long``."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench.cells import WORKS, Cell, chosen
from benchmarks.bench.environments import Unavailable
from benchmarks.bench.report import Findings
from benchmarks.bench.stage import Stage, Unplayable

RESULTS = Path(__file__).parent / "results"
NOT_YET = "not there yet"


def main(arguments: list[str] | None = None) -> int:
    """Play the chosen cells round by round and write the tables; returns 1 where a cell could not be played."""
    given = _options().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all processes are ended first
    cells = chosen([word.strip() for word in given.only.split(",") if word.strip()], long=given.long)
    findings = Findings(given.rounds, given.scale)
    place = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        _play_all(cells, given, place, findings)
    finally:
        if not findings.failed:
            shutil.rmtree(place)
    print(findings.as_markdown())
    return int(bool(findings.failed))


def _play_all(cells: list[Cell], given: argparse.Namespace, place: Path, findings: Findings) -> None:
    results = Path(given.results)
    cells = [cell for cell in cells if _prepared(cell, place, findings)]
    findings.write(results)
    for turn in range(1, given.rounds + 1):
        for cell in cells if turn % 2 else reversed(cells):  # so that nobody always comes after the same neighbour
            _play(cell, turn, given.scale, place, findings)
            findings.write(results)


def _prepared(cell: Cell, place: Path, findings: Findings) -> bool:
    try:
        cell.system.prepare(place)
    except Unavailable as error:
        findings.failed[cell.name] = ["cannot be installed"]
        _say(f"{cell.name}: cannot be installed: {error}")
        return False
    return True


def _play(cell: Cell, turn: int, scale: float, place: Path, findings: Findings) -> None:
    begun, folder = time.monotonic(), place / f"{turn}-{cell.name.replace(' / ', '-').replace(' ', '_')}"
    try:
        with Stage(folder, cell.system) as stage:
            figures = cell.play(stage, scale)
    except (Unplayable, OSError, RuntimeError) as error:
        findings.failed.setdefault(cell.name, []).append(f"round {turn}: {error}")
        said = f"could not be played: {error} (see {folder})"
    else:
        if figures is None:
            findings.absent[cell.name] = said = NOT_YET
        else:
            findings.rounds.setdefault(cell.name, []).append(figures)
            said = ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
    _say(f"round {turn} {cell.name:42} {time.monotonic() - begun:4.0f} s  {said}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.bench", description="Rates and waits, side by side.")
    options.add_argument("--only", default="", help=f"works: {','.join(WORKS)}; all of them if none is named")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--scale", type=float, default=1.0, help="times the number of items, and the length of loads")
    options.add_argument("--long", action="store_true", help="drain a backlog of 1,000,000 too")
    options.add_argument("--results", default=str(RESULTS), help="folder of the tables")
    return options


if __name__ == "__main__":
    sys.exit(main())
