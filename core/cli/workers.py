"""flask workers: list processes, and tell workers to be quiet, to resume or to stop."""

import sys
from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from core.census import process_views
from core.cli import show
from core.cli.command import REFUSED, Group, as_json
from core.cli.status import process_table
from core.clock import now
from core.errors import NotFound, StateConflict
from core.house import house
from core.ledger.alive import Process, alive
from core.ledger.orders import LASTS
from core.ordering import order, order_all
from core.wording import counted

ids = click.argument("ids", metavar="[ID]...", nargs=-1)
everything = click.option("--all", "everything", is_flag=True, help="All workers.")
yes = click.option("--yes", "-y", is_flag=True, help="Do not ask first.")
TOLD = {"quiet": "to be quiet", "resume": "to resume", "stop": "to stop"}


@click.group("workers", cls=Group)
@with_appcontext
def group() -> None:
    """List workers and beats, and tell them what to do."""


@group.command("list")
@as_json
def listing(as_json: bool) -> None:
    """List the processes that spoke within the last minute."""
    here = house()
    found = process_views(here.ledger.run(alive(here.keys)), now())
    if as_json:
        show.as_json(found)
    elif found:
        process_table(found, now())
    else:
        click.echo("No worker and no beat spoke within the last minute. make run starts both.")


@group.command("quiet")
@ids
@everything
@as_json
def quiet(ids: Sequence[str], everything: bool, as_json: bool) -> None:
    """Have workers take no new runs; what they run goes on.

    It lasts until they resume or end.
    """
    _tell("quiet", ids, everything, as_json=as_json)


@group.command("resume")
@ids
@everything
@as_json
def resume(ids: Sequence[str], everything: bool, as_json: bool) -> None:
    """Have quiet workers take runs again."""
    _tell("resume", ids, everything, as_json=as_json)


@group.command("stop")
@ids
@everything
@yes
@as_json
def stop(ids: Sequence[str], everything: bool, yes: bool, as_json: bool) -> None:
    """Stop workers, or a beat by its id, as SIGTERM does.

    What runs may end within some seconds, the rest is given back. make run and platforms start them again.
    """
    if everything and not ids and not yes and not as_json and sys.stdin.isatty():
        click.confirm("Stop all workers?", abort=True, err=True)
    _tell("stop", ids, everything, as_json=as_json)


def _tell(word: str, ids: Sequence[str], everything: bool, *, as_json: bool) -> None:
    if bool(ids) == everything:
        raise click.UsageError("Which ones? Name ids, or say --all. flask workers list shows them.")
    here = house()
    told = here.ledger.run(order_all(here.keys, word)) if everything else _each(word, ids)
    if as_json:
        show.as_json(process_views(told, now()))
    else:
        who = ", ".join(process.id for process in told) if ids else counted(len(told), "worker")
        when = f" An order is looked for each few seconds, and forgotten after {LASTS // 1000} s."
        click.echo(f"Told {who or 'nobody'} {TOLD[word]}.{when if told else ''}")
    if len(told) < len(ids):
        click.get_current_context().exit(REFUSED)


def _each(word: str, ids: Sequence[str]) -> list[Process]:
    here, told = house(), []
    for ident in dict.fromkeys(ids):
        try:
            told.append(here.ledger.run(order(here.keys, ident, word)))
        except (NotFound, StateConflict) as error:
            click.echo(show.plain(f"Error: {error}"), err=True)
    return told
