"""The options by which commands choose runs, and how they read times."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

import click

from core.clock import now, to_ms
from core.ledger.fitting import RunFilter
from core.ledger.keys import FAILED, STATES
from core.ledger.paths import Sought
from core.operating import Selection
from core.wording import earlier, parse


def _states(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    named = [part for text in given for part in text.split(",") if part]
    for part in named:
        if part not in (*STATES, "failed"):
            raise click.BadParameter(f"{part!r} is no state. Wanted one of {', '.join(STATES)}, failed.")
    return tuple(dict.fromkeys(state for part in named for state in (FAILED if part == "failed" else (part,))))


def _data(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> tuple[Sought, ...]:
    pairs = [text.partition("=") for text in given]
    for path, sign, value in pairs:
        if not (path and sign and value):
            raise click.BadParameter(f"Found {(path + sign + value)[:40]!r}; wanted a path and a value: user.id=7.")
    return tuple(Sought(path, value) for path, _, value in pairs)


def moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime | None:
    """Read a time: RFC 3339, in UTC where no zone is given, or an age such as ``2h``."""
    if text is None:
        return None
    found = earlier(text, now()) or parse(text)
    if found is None:
        raise click.BadParameter(f"Found {text[:40]!r}; wanted 2026-11-22T09:00:00Z, or an age: 30min, 2h, 7d.")
    return found


since = click.option("--from", "since", callback=moment, metavar="TIME", help="Created then or later: a time, or 2h.")
until = click.option("--to", "until", callback=moment, metavar="TIME", help="Created then or earlier.")
OPTIONS = (
    click.option(
        "--state", "states", multiple=True, callback=_states, help="May be repeated; failed: dead or expired."
    ),
    click.option("--task", default="", help="Only of this task; a pattern: handlers.mail.*"),
    click.option("--event", default="", help="Only for this event type, a pattern, or this event's id."),
    click.option("--schedule", default="", help="Only fires of this schedule."),
    click.option("--queue", default="", help="Only of this queue."),
    click.option(
        "--data",
        multiple=True,
        callback=_data,
        metavar="PATH=VALUE",
        help="Only where the data hold this value; may be repeated: user.id=7",
    ),
    since,
    until,
)


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that choose runs; it gets them as ``selection``."""

    @wraps(command)
    def chosen(
        *,
        states: Sequence[str],
        task: str,
        event: str,
        schedule: str,
        queue: str,
        data: Sequence[Sought],
        since: datetime | None,
        until: datetime | None,
        **others: Any,
    ) -> Any:
        wanted = RunFilter(states=states, task=task, event=event, schedule=schedule, queue=queue, data=data)
        first, last = (None if moment is None else to_ms(moment) for moment in (since, until))
        return command(selection=Selection(wanted=wanted, since=first, until=last), **others)

    for option in reversed(OPTIONS):
        chosen = option(chosen)
    return chosen
