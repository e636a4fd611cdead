"""The command line: ``python -m benchmarks.chaos.beats --only C22,C24 --adapters ours --scale 0.1``."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench.environments import Unavailable
from benchmarks.chaos.beats import report
from benchmarks.chaos.beats.play import play
from benchmarks.chaos.beats.scenario import Story
from benchmarks.chaos.beats.scenarios import STORIES
from benchmarks.chaos.report import machine
from benchmarks.chaos.screen import Screen
from benchmarks.chaos.tables import words

RESULTS = Path(__file__).parents[1] / "results"


def main(arguments: list[str] | None = None) -> int:
    """Play the chosen scenarios, write the table; returns 1 where ours fails a criterion."""
    given = _options().parse_args(arguments)
    stories = [STORIES[name](given.scale) for name in chosen(words(given.only))]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all processes are ended first
    place, screen, rows = Path(tempfile.mkdtemp(prefix="chaos-")), Screen(), list[report.Row]()
    facts, failed, old = machine(given.seed, given.scale), False, report.earlier(Path(given.results))
    for story in stories:
        for name in [name for name in words(given.adapters) or story.adapters if name in story.adapters]:
            screen.begin(f"{story.name:5} {name:13}")
            try:
                rows.append(_one(story, name, given, place / f"{story.name}-{name}", screen))
            except (RuntimeError, Unavailable) as error:
                failed = True
                screen.end(f"could not be played: {error}")
            report.write(Path(given.results), facts, report.merged(old, rows))
    print(report.markdown(facts, rows))
    if not any(place.iterdir()):
        place.rmdir()
    return int(failed or any(row.adapter == "ours" and not row.passed for row in rows))


def chosen(names: Sequence[str]) -> list[str]:
    """Return the names of scenarios; all of them if none is named.

    Raises:
        SystemExit: there is none of such a name.
    """
    if unknown := [name for name in names if name not in STORIES]:
        raise SystemExit(f"No scenario is called {', '.join(unknown)}. There are: {', '.join(STORIES)}.")
    return [*names] or [*STORIES]


def _one(story: Story, name: str, given: argparse.Namespace, folder: Path, screen: Screen) -> report.Row:
    outcome = play(story, name, given.seed, folder, screen.tell)
    found = report.row(outcome, given.seed, given.scale)
    kept = given.keep or (name == "ours" and not found.passed)
    said = f"{found.verdict}; {found.fired} of {found.due} fired, {found.lost} lost"
    screen.end(said + (f"; see {folder}" if kept else ""))
    if not kept:
        shutil.rmtree(folder)
    return found


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos.beats", description="Chaos of schedules, counted."
    )
    options.add_argument("--only", default="", help=f"out of {', '.join(STORIES)}; all of them if none is named")
    options.add_argument(
        "--adapters", default="", help="out of redbeat, redbeat-tuned, ours; all of them if none is named"
    )
    options.add_argument("--scale", type=float, default=1.0, help="times the length; 1 is the real thing")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", action="store_true", help="keep the artefacts of what passed, too")
    options.add_argument("--results", default=str(RESULTS), help="folder of the table")
    return options


if __name__ == "__main__":
    sys.exit(main())
