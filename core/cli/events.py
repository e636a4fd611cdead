"""flask events: emit one, look at what was accepted, and at the types that are known."""

import json
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from core.bus import Receipt
from core.cli import show
from core.cli.command import Group, as_json, limit, newest
from core.cli.filters import moment, since, until
from core.cli.runs import table_of_runs
from core.cli.wording import ago, full, tally
from core.clock import now, to_ms
from core.emitting import SOURCE, emit
from core.errors import NotFound
from core.event_types import EventType, event_types
from core.events import TYPE
from core.house import house
from core.ledger.flow import Flow
from core.ledger.listing import EventFilter, Page, list_events
from core.ledger.views import Json, event_view

LONGEST = 256  # characters of an attribute

group = Group("events", help="Events: facts that were accepted, each with its runs.")


def _type(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    if not TYPE.fullmatch(text):
        raise click.BadParameter(f"{show.plain(text)!r} is no event type. Write one such as order.placed.")
    return text


def json_given(_ctx: click.Context, _param: click.Parameter, text: str | None) -> Any:
    """Read the argument, or standard input where it is ``-``, as JSON that can be stored."""
    if text is None:
        return None
    try:
        found = json.loads(sys.stdin.buffer.read() if text == "-" else text)
        # What the parser lets through and no store takes: NaN, infinity, half a surrogate pair.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(
            f"This is not JSON: {error}. Write an object, or - to read it from standard input."
        ) from None
    return found


def _attribute(_ctx: click.Context, _param: click.Parameter, text: str | None) -> str | None:
    if text is not None and not (text.isprintable() and 1 <= len(text) <= LONGEST):
        raise click.BadParameter(f"Found {show.plain(text)[:40]!r}; wanted 1 to {LONGEST} printable characters.")
    return text


@group.command("emit")
@click.argument("kind", metavar="TYPE", callback=_type)
@click.argument("data", metavar="[DATA_JSON]", default="{}", callback=json_given)
@click.option("--id", "ident", callback=_attribute, help="The same id from the same source is recorded once.")
@click.option("--source", default=SOURCE, show_default=True, callback=_attribute, help="Who says so.")
@click.option("--subject", callback=_attribute, help="What it is about.")
@click.option("--delay", type=float, default=0, metavar="SECONDS", help="Its runs wait that long.")
@click.option("--at", "at", callback=moment, metavar="TIME", help="Its runs wait until then.")
@as_json
def emit_event(
    kind: str,
    data: Any,
    ident: str | None,
    source: str,
    subject: str | None,
    delay: float,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Emit an event.

    DATA_JSON is its data; - reads it from standard input.
    """
    event = house().catalog.event(kind, data)
    receipt = emit(event, id=ident, source=source, subject=subject, delay=delay, at=at)
    show_receipt(receipt, as_json=as_json)


def show_receipt(receipt: Receipt, *, as_json: bool, replay_of: str | None = None) -> None:
    """Print what was accepted."""
    if as_json:
        show.as_json(receipt.view() | ({"replay_of": replay_of} if replay_of else {}))
        return
    known = "was accepted before, nothing is added" if receipt.duplicate else "accepted"
    facts = [("event", receipt.id), ("type", receipt.type), ("replay of", replay_of), ("receipt", known)]
    show.facts([*facts, ("durability", receipt.durability)])
    click.echo()
    if receipt.runs:
        show.table(("run", "task"), receipt.runs)
    else:
        click.echo("No runs: no handler is subscribed to it.")


@group.command("list")
@click.option("--type", "kind", default="", help="A type, or a pattern such as 'github.*'.")
@click.option("--source", default="", help="Only from this source.")
@click.option("--subject", default="", help="Only about this subject.")
@since
@until
@limit
@as_json
def list_them(
    kind: str, source: str, subject: str, since: datetime | None, until: datetime | None, limit: int, as_json: bool
) -> None:
    """List events, newest first."""
    here, wanted = house(), EventFilter(type=kind, source=source, subject=subject)
    first, last = (None if moment is None else to_ms(moment) for moment in (since, until))

    def listing(page: Page) -> Flow[tuple[list[Json], int | None]]:
        return list_events(here.keys, wanted, replace(page, since=first, until=last))

    found = newest(here.ledger, listing, limit)
    if as_json:
        show.as_json(found)
    elif found:
        seen = now()
        rows = [
            (e["id"], e["type"], e["source"], e["subject"], ago(e["accepted"], seen), tally(e["runs"])) for e in found
        ]
        show.table(("id", "type", "source", "subject", "accepted", "runs"), rows)
    else:
        click.echo("No events.")


@group.command("show")
@click.argument("event", metavar="ID")
@as_json
def show_one(event: str, as_json: bool) -> None:
    """Show one event with its data and its runs."""
    here, seen = house(), now()
    view = here.ledger.run(event_view(here.keys, event))
    if view is None:
        raise NotFound(f"There is no event {event!r}, or it is past its retention. flask events list shows them.")
    if as_json:
        show.as_json(view)
        return
    envelope = ("specversion", "type", "source", "subject", "time")
    attributes = [(name, value) for name, value in view["attributes"].items() if name not in (*envelope, "id")]
    times = [("time", view["time"]), ("accepted", full(view["accepted"], seen))]
    named = [(name, view[name]) for name in ("id", "type", "source", "subject")]
    own_id, origin = ("sender's id", view["attributes"]["id"]), ("replay of", view["replay_of"])
    show.facts([*named, *times, own_id, origin, *attributes])
    show.block("data", show.pretty(view["data"]))
    click.echo()
    table_of_runs(view["runs"], seen)


@group.command("types")
@as_json
def list_types(as_json: bool) -> None:
    """List event types and who answers them."""
    found = [_type_row(kind) for kind in event_types(house().catalog)]
    if as_json:
        show.as_json(found)
    elif found:
        rows = [(t["type"], t["class"] or "(pattern)", ", ".join(t["handlers"]), t["description"]) for t in found]
        show.table(("type", "class", "handlers", "description"), rows)
    else:
        click.echo("No event types: no class of handlers/ or schedules/ declares one.")


def _type_row(kind: EventType) -> dict[str, Any]:
    return {
        "type": kind.name,
        "class": kind.cls and f"{kind.cls.__module__}.{kind.cls.__qualname__}",
        "handlers": [task.name for task in kind.tasks],
        "description": kind.description,
    }
