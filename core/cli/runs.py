"""flask runs: what became of each run."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import click

from core.cli import show
from core.cli.command import Group, as_json, limit, newest
from core.cli.wording import ago, full, took, worded
from core.clock import now
from core.errors import NotFound
from core.house import house
from core.ledger.keys import FAILED, STATES
from core.ledger.listing import RunFilter, list_runs
from core.ledger.views import Json, run_view

group = Group("runs", help="Runs: each the obligation to execute one task for one cause.")


def _states(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    named = [part for text in given for part in text.split(",") if part]
    for part in named:
        if part not in (*STATES, "failed"):
            raise click.BadParameter(f"{part!r} is no state. Wanted one of {', '.join(STATES)}, failed.")
    return tuple(dict.fromkeys(state for part in named for state in (FAILED if part == "failed" else (part,))))


@group.command("list")
@click.option("--state", "states", multiple=True, callback=_states, help="May be repeated; failed: dead or expired.")
@click.option("--task", default="", help="Only of this task.")
@click.option("--event", default="", help="Only for this event type, or this event's id.")
@click.option("--schedule", default="", help="Only fires of this schedule.")
@click.option("--queue", default="", help="Only of this queue.")
@limit
@as_json
def list_them(
    states: tuple[str, ...], task: str, event: str, schedule: str, queue: str, limit: int, as_json: bool
) -> None:
    """List runs, newest first."""
    here, wanted = house(), RunFilter(states=states, task=task, event=event, schedule=schedule, queue=queue)
    found = newest(here.ledger, partial(list_runs, here.keys, wanted), limit)
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
            ("cause", _cause(view, whole=True)),
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
    heads = ("id", "state", "task", "cause", "queue", "attempt", "created", "took", "error")
    show.table(
        heads,
        [
            (
                *(run[name] for name in ("id", "state", "task")),
                _cause(run),
                run["queue"],
                run["attempt"],
                ago(run["created"], moment),
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


def _cause(run: Json, *, whole: bool = False) -> str:
    event, fire = run["event"], run["fire"]
    if event:
        return f"event {event['id']} of type {event['type']}" if whole else str(event["type"])
    if fire:
        return f"schedule {fire['schedule']}, planned {fire['planned']}" if whole else str(fire["schedule"])
    return "enqueue"
