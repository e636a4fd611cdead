"""The command line: ``python -m benchmarks.bench.schedules --only burst --rounds 3 --scale 0.1``."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.bench.environments import Unavailable
from benchmarks.bench.schedules import plays
from benchmarks.bench.schedules.plays import Play
from benchmarks.bench.schedules.report import WORKS, Findings
from benchmarks.bench.schedules.setups import OURS, PEER, Beat
from benchmarks.bench.stage import Stage, Unplayable

RESULTS = Path(__file__).parents[1] / "results"
PLAYS: Mapping[str, Play] = {"burst": plays.burst, "punctual": plays.punctual, "idle": plays.idle}
ONCE = ("punctual", "idle")  # they last, and hardly differ from round to round


def main(arguments: list[str] | None = None) -> int:
    """Play the chosen works in turns and write the table; returns 1 where one could not be played."""
    given = _options().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all processes are ended first
    works = [word.strip() for word in given.only.split(",") if word.strip()] or [*WORKS]
    if unknown := set(works) - set(WORKS):
        raise SystemExit(f"There is no {', '.join(sorted(unknown))}. There is {', '.join(WORKS)}.")
    findings, place = Findings(given.rounds, given.scale), Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        beats = [beat for beat in (OURS, PEER) if _prepared(beat, place, findings)]
        for turn in range(1, given.rounds + 1):
            for work in works:
                if turn == 1 or work not in ONCE:
                    for beat in beats if turn % 2 else reversed(beats):
                        _play(work, beat, turn, given.scale, place, findings)
                        findings.write(Path(given.results))
    finally:
        if not findings.failed:
            shutil.rmtree(place)
    print(findings.as_markdown())
    return int(bool(findings.failed))


def _prepared(beat: Beat, place: Path, findings: Findings) -> bool:
    try:
        beat.prepare(place)
    except Unavailable as error:
        findings.failed.append(f"{beat.name} cannot be installed: {error}")
        return False
    return True


def _play(work: str, beat: Beat, turn: int, scale: float, place: Path, findings: Findings) -> None:
    begun, folder = time.monotonic(), place / f"{turn}-{work}-{beat.name}"
    try:
        with Stage(folder, beat) as stage:
            figures = PLAYS[work](stage, beat, scale)
    except (Unplayable, OSError, RuntimeError) as error:
        findings.failed.append(f"{work} / {beat.name}, round {turn}: {error}")
        said = f"could not be played: {error} (see {folder})"
    else:
        findings.rounds.setdefault((work, beat.name), []).append(figures)
        said = ", ".join(f"{name} {value:,.2f}" for name, value in figures.items())
    print(f"round {turn} {work:9} {beat.name:8} {time.monotonic() - begun:4.0f} s  {said}", file=sys.stderr, flush=True)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.bench.schedules", description="Schedules, side by side."
    )
    options.add_argument("--only", default="", help=f"works: {','.join(WORKS)}; all of them if none is named")
    options.add_argument("--rounds", type=int, default=3, help="of the burst; the others are played once")
    options.add_argument("--scale", type=float, default=1.0, help="times the number of entries")
    options.add_argument("--results", default=str(RESULTS), help="folder of the table")
    return options


if __name__ == "__main__":
    sys.exit(main())
