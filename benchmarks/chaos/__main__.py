"""The command line: ``python -m benchmarks.chaos --only C2,C7 --adapters ours,plain --scale 0.5``."""

import argparse
import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.chaos import report
from benchmarks.chaos.adapters.ours import clock_library
from benchmarks.chaos.rabbit import rabbitmq_server
from benchmarks.chaos.run import run
from benchmarks.chaos.scenario import ALL, Scenario
from benchmarks.chaos.scenarios import chosen
from benchmarks.chaos.screen import Screen
from benchmarks.chaos.tables import words

RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Play the chosen scenarios, write the table; returns 1 where ours fails a criterion."""
    given = _options().parse_args(arguments)
    scenarios = [_sized(scenario, given) for scenario in chosen(words(given.only))]
    place, screen, rows = Path(tempfile.mkdtemp(prefix="chaos-")), Screen(), []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all processes are ended first
    facts, failed = report.machine(given.seed, given.scale), False
    old = report.earlier(Path(given.results)) if given.only or given.adapters else []
    for scenario in scenarios:
        for name in [name for name in words(given.adapters) or ALL if name in scenario.adapters]:
            screen.begin(f"{scenario.name:5} {name:5}")
            if missing := _missing(scenario, name):
                screen.end(f"left out: {missing}")
                continue
            try:
                rows.append(_one(scenario, name, given, place / f"{scenario.name}-{name}", screen))
            except RuntimeError as error:
                failed = True
                screen.end(f"could not be played: {error}")
            report.write(Path(given.results), facts, report.merged(old, rows))
    print(report.markdown(facts, rows))
    if not any(place.iterdir()):
        place.rmdir()
    return int(failed or any(row.adapter == "ours" and not row.passed for row in rows))


def _missing(scenario: Scenario, name: str) -> str:
    """Return why *scenario* cannot be played with the adapter *name* on this machine, or ''."""
    if scenario.shape.rabbitmq and not rabbitmq_server():
        return "there is no rabbitmq-server on this machine"
    if scenario.shape.skewed and name != "ours":
        return "the clocks of Celery are not skewed"
    return "the clocks of workers need libfaketime" if scenario.shape.skewed and not clock_library() else ""


def _one(scenario: Scenario, name: str, given: argparse.Namespace, folder: Path, screen: Screen) -> report.Row:
    outcome = run(scenario, name, given.seed, folder, screen.tell)
    found = report.row(outcome, given.seed)
    kept = given.keep or (name == "ours" and not found.passed)
    said = f"{found.verdict}; {found.accepted} of {found.offered} accepted, {found.lost} lost"
    screen.end(said + (f"; see {folder}" if kept else ""))
    if not kept:
        shutil.rmtree(folder)
    return found


def _sized(scenario: Scenario, given: argparse.Namespace) -> Scenario:
    if scenario.soak and given.minutes:
        load = replace(scenario.load, events=round(given.minutes * 60 * scenario.load.rate))
        return replace(scenario, load=load)
    return scenario.scaled(given.scale)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description="Chaos, counted.")
    options.add_argument("--only", default="", help="scenarios, e.g. C2,C7; all of them if none is named")
    options.add_argument("--adapters", default="", help="out of plain, tuned, ours; all of them if none is named")
    options.add_argument("--scale", type=float, default=1.0, help="times the number of events")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--minutes", type=float, default=0, help="length of the soak")
    options.add_argument("--keep", action="store_true", help="keep the artefacts of what passed, too")
    options.add_argument("--results", default=str(RESULTS), help="folder of the table")
    return options


if __name__ == "__main__":
    sys.exit(main())
