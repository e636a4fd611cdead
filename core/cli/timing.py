"""The options by which commands say when a schedule fires, and under which policies."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

import click

from core import wording
from core.cli.events import json_given
from core.cli.filters import moment
from core.clock import rfc3339
from core.drafting import MEMBERS
from core.drafting import TIMING as TIMING_MEMBERS
from core.policies import CATCH_UPS, OVERLAPS


def span(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float | None:
    """Read a span of time: ``90``, ``90s``, ``5min``, ``2h``, ``1d``; returns seconds."""
    if text is None:
        return None
    found = wording.span(text)
    if found is None:
        raise click.BadParameter(f"Found {text[:40]!r}; wanted seconds, or a span such as 90s, 5min, 2h, 1d.")
    return found


TIMING = (
    click.option("--cron", help="Five fields, e.g. '0 7 * * mon-fri', or @daily."),
    click.option("--every", callback=span, metavar="SPAN", help="90s, 5min, 2h, 1d."),
    click.option("--at", "at", callback=moment, metavar="TIME", help="Once, then."),
    click.option("--rrule", help="RFC 5545, e.g. 'FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9'."),
    click.option("--timezone", metavar="ZONE", help="IANA name, e.g. Europe/Berlin; UTC by default."),
    click.option("--starts-at", callback=moment, metavar="TIME", help="Not before that; --every counts from it."),
    click.option("--ends-at", callback=moment, metavar="TIME", help="Not after that."),
)
POLICIES = (
    click.option("--overlap", type=click.Choice(OVERLAPS), help="While the last run is not finished."),
    click.option("--catch-up", type=click.Choice(CATCH_UPS), help="After a time without a scheduler."),
    click.option("--catch-up-window", callback=span, metavar="SPAN", help="How far back; 1h by default."),
    click.option("--grace", callback=span, metavar="SPAN", help="How late a time may fire and count as punctual."),
    click.option("--jitter", callback=span, metavar="SPAN", help="Put off by up to that, the same for each time."),
    click.option("--max-runs", type=int, metavar="N", help="End after that many fires."),
    click.option("--pause-after", type=int, metavar="N", help="Pause itself when that many runs in a row died."),
)
TARGET = (
    click.option("--task", help="The job or task to run."),
    click.option("--event", help="The type of the event to emit."),
    click.option("--data", callback=json_given, metavar="JSON", help="The event's data, the task's arguments."),
)
BESIDE = ("name", "enabled")  # members that commands take in other ways


def timing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options of a timing; it gets them as ``members`` of a schedule."""
    return _gathered(command, TIMING, TIMING_MEMBERS)


def whole(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* all options that describe a schedule; it gets them as ``members``."""
    return _gathered(command, (*TARGET, *TIMING, *POLICIES), [one for one in MEMBERS if one not in BESIDE])


def _gathered(
    command: Callable[..., Any], options: Sequence[Callable[..., Any]], names: Sequence[str]
) -> Callable[..., Any]:
    @wraps(command)
    def chosen(**given: Any) -> Any:
        said = {name: given.pop(name) for name in names}
        return command(members={name: _plain(value) for name, value in said.items() if value is not None}, **given)

    for option in reversed(options):
        chosen = option(chosen)
    return chosen


def _plain(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
