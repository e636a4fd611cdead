"""The command line: ``python -m benchmarks.seed --runs 1000000 --events 100000 --url redis://127.0.0.1:6379/5``.

All else is read from the environment, as the application does: with another SECRET_KEY it could not read the schedules.
"""

import argparse
import json
import logging
import os
import sys
from random import Random

from benchmarks.seed import PACKAGES
from benchmarks.seed.goods import MOST
from benchmarks.seed.play import Seeded, seed
from core.app import create_app
from core.config import Config
from core.errors import CoreError
from core.house import house


def main(arguments: list[str] | None = None) -> int:
    """Seed a ledger; returns 1 where it must not be."""
    given = _options().parse_args(arguments)
    if not given.events > 0 or not 0 <= given.runs <= MOST * given.events:
        _say(f"found {given.runs} runs of {given.events} events; wanted 0 to {MOST} runs for each event")
        return 2
    logging.disable(logging.INFO)
    environment = {**os.environ, **({"REDIS_URL": given.url} if given.url else {})}
    try:
        here = house(create_app(Config.from_env(environment), packages=PACKAGES))
        if here.ledger.client.exists(here.keys.position):
            _say("this ledger is not empty; name another database, or another CARILLON_PREFIX")
            return 1
        found = seed(here, given.runs, given.events, days=given.days, dice=Random(given.seed), say=_say)
        here.close()
    except CoreError as error:
        _say(str(error))
        return 1
    print(json.dumps(found.as_json) if given.json else words(found))
    return 0


def words(found: Seeded) -> str:
    """Return what came of it, for people."""
    states = ", ".join(f"{count:,} {state}" for state, count in found.states.items() if count)
    per_run = found.as_json["bytes_per_run"]
    size = f"{found.bytes / 1024**2:,.0f} MB, {per_run:,.0f} bytes per run with all that belongs to it"
    return f"{found.runs:,} runs, {found.events:,} events in {found.seconds:,.0f} s: {states}\n{size}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.seed", description="A week of work for a ledger.")
    options.add_argument("--runs", type=int, default=1_000_000)
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--days", type=float, default=7.0, help="over how many days up to now it is spread")
    options.add_argument("--url", default="", help="of the server; REDIS_URL by default")
    options.add_argument("--seed", type=int, default=1, help="of the dice")
    options.add_argument("--json", action="store_true")
    return options


if __name__ == "__main__":
    sys.exit(main())
