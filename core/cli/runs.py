"""flask runs: what became of each run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import click

from core.cli import show
from core.cli.command import Group, as_json, limit, newest
from core.cli.filters import filters
from core.cli.wording import ago, full, took, worded
from core.clock import now
from core.errors import NotFound
from core.house import house
from core.ledger.flow import Flow
from core.ledger.listing import Page, list_runs
from core.ledger.views import Json, run_view
from core.operating import Selection

group = Group("runs", help="Runs: each the obligation to execute one task for one cause.")


@group.command("list")
@filters
@limit
@as_json
def list_them(selection: Selection, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    here = house()

    def listing(page: Page) -> Flow[tuple[list[Json], int | None]]:
        return list_runs(here.keys, selection.wanted, replace(page, since=selection.since, until=selection.until))

    found = newest(here.ledger, listing, limit)
    if as_json:
        show.as_json(found)
    else:
        table_of_runs(found, now())


@group.command("show")
@click.argument("run", metavar="ID")
@as_json
def show_one(run: str, as_json: bool) -> None:
    """Show one run with all that is known of it."""
    here, moment = house(), now()
    view = here.ledger.run(run_view(here.keys, run))
    if view is None:
        raise NotFound(f"There is no run {run!r}, or it is past its retention. flask runs list shows them.")
    if as_json:
        show.as_json(view)
        return
    progress = view["progress"]
    show.facts(
        [
            *((name, view[name]) for name in ("id", "state", "task", "queue", "priority")),
            ("cause", cause(view, whole=True)),
            ("replay of", view["replay_of"] and f"event {view['replay_of']}"),
            *((name, full(view[name], moment)) for name in ("created", "due", "started", "finished")),
            ("took", took(view, moment)),
            ("progress", progress and f"{progress['done']:g} of {progress['total']:g}"),
        ]
    )
    _attempts(view["attempts"], moment)
    if view["error"]:
        show.block("error", view["error"].get("traceback") or worded(view["error"], 1000))
    if view["log"]:
        show.block("log", "\n".join(view["log"]))
    if view["result"] is not None:
        show.block("result", show.pretty(view["result"]))


def table_of_runs(found: Sequence[Json], moment: datetime) -> None:
    """Print runs as a table, times as seen from *moment*."""
    if not found:
        click.echo("No runs.")
        return
    heads = ("id", "state", "task", "cause", "queue", "attempt", "created", "due", "took", "error")
    show.table(
        heads,
        [
            (
                *(run[name] for name in ("id", "state", "task")),
                cause(run),
                run["queue"],
                run["attempt"],
                ago(run["created"], moment),
                ago(run["due"], moment) if run["state"] in ("scheduled", "retrying") else "",
                took(run, moment),
                worded(run["error"]),
            )
            for run in found
        ],
    )


def _attempts(attempts: Sequence[Json], moment: datetime) -> None:
    if not attempts:
        return
    click.echo()
    rows = [
        (
            one["number"],
            one["outcome"],
            ago(one["started"], moment),
            took(one, moment),
            one["worker"],
            worded(one["error"]),
        )
        for one in attempts
    ]
    show.table(("attempt", "state", "started", "took", "worker", "error"), rows)


def cause(run: Json, *, whole: bool = False) -> str:
    """Return why a run exists: in one word, or in full."""
    event, fire = run["event"], run["fire"]
    if event:
        return f"event {event['id']} of type {event['type']}" if whole else str(event["type"])
    if fire:
        return f"schedule {fire['schedule']}, planned {fire['planned']}" if whole else str(fire["schedule"])
    return "enqueue"
