"""flask runs tail: a line for each run that comes, and for each step it takes."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import click

from core.cli import show
from core.cli.filters import filters
from core.cli.runs import cause, group
from core.cli.wording import took, worded
from core.clock import now
from core.house import House, house
from core.ledger.fitting import RunFilter, fits, with_data
from core.ledger.following import Follower
from core.ledger.views import Json, run_views
from core.operating import Selection

EACH = 0.5  # seconds between two looks
WIDTHS = {"state": 9, "task": 32, "cause": 20}


@group.command("tail")
@filters
@click.option("--json", "as_json", is_flag=True, help="Print each run as a line of JSON, for programs.")
def tail(selection: Selection, as_json: bool) -> None:
    """Follow runs as they come and change, one line each, until Ctrl-C."""
    here, stopped = house(), threading.Event()
    if not as_json:
        click.echo("Following runs; Ctrl-C ends it.", err=True)
    with suppress(KeyboardInterrupt):
        for view in _changes(here, selection.wanted, stopped):
            click.echo(json.dumps(view) if as_json else _line(view, now()))


def _changes(here: House, wanted: RunFilter, stopped: threading.Event) -> Iterator[Json]:
    follower = Follower(here.keys)
    here.ledger.run(follower.begin())
    while not stopped.wait(EACH):
        changed = here.ledger.run(follower.look())
        held = here.ledger.run(with_data(here.keys, changed, wanted.data))
        yield from (view for view in here.ledger.run(run_views(here.keys, held)) if fits(view, wanted))


def _line(run: Json, moment: datetime) -> str:
    cells = [f"{show.plain(text):<{WIDTHS[name]}}" for name, text in (("task", run["task"]), ("cause", cause(run)))]
    state = show.painted("state", f"{run['state']:<{WIDTHS['state']}}")
    attempt = f"attempt {run['attempt']}" if run["attempt"] > 1 else ""
    rest = [attempt, took(run, moment) if run["finished"] else "", show.plain(worded(run["error"]))]
    line = [f"{moment.astimezone():%H:%M:%S}", state, run["id"], *cells, *(text for text in rest if text)]
    return "  ".join(line).rstrip()
