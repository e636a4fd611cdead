"""flask events replay: the same fact once more."""

from typing import Any, Literal

import click

from core.cli.command import as_json
from core.cli.events import group, json_given, show_receipt
from core.house import house
from core.replaying import SAME, Wanted


@group.command("replay")
@click.argument("event", metavar="ID")
@click.option(
    "--only", type=click.Choice(["all", "failed"]), default="all", show_default=True, help="Which of its runs."
)
@click.option("--task", "tasks", multiple=True, help="The handler to run; may be repeated.")
@click.option("--data", callback=json_given, metavar="JSON", help="Other data; - reads them from standard input.")
@as_json
def replay_event(event: str, only: Literal["all", "failed"], tasks: tuple[str, ...], data: Any, as_json: bool) -> None:
    """Replay an event for its handlers, or for some.

    That is a new event of the same content, with new runs. The handlers are those of the old event's runs, unless
    --task names others that answer its type.
    """
    new = SAME if data is None else data
    wanted = Wanted(event=event, only=only, tasks=tasks or None, data=new)
    show_receipt(house().replay(wanted), as_json=as_json, replay_of=event)
