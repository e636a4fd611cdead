"""flask schedules plan and apply, the release phase; export and import, for another Redis."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from core import scheduling, syncing
from core.catalog import Catalog
from core.cli import show
from core.cli.command import REFUSED, as_json
from core.cli.schedules import group
from core.clock import now, to_ms
from core.drafting import MEMBERS, OF_CODE, changed, drafted, members_of
from core.entries import definition, expressible, load_all, load_one
from core.errors import AlreadyExists, CoreError, LedgerUnavailable
from core.house import House, house
from core.ledger.boot import prepare
from core.schedule import Schedule
from core.syncing import Difference
from core.wording import counted

VERSION = 1  # of what export prints
SIGNS = {"add": "+", "change": "~", "remove": "-", "drift": "!"}
DONE = {"add": "added", "change": "changed", "remove": "removed", "keep": "kept", "drift": "drifted"}

reset = click.option("--reset", is_flag=True, help="Undo what was re-timed by hand, too.")


@group.command("plan")
@reset
@as_json
def plan(reset: bool, as_json: bool) -> None:
    """Show what apply would do: code against store."""
    here = house()
    found = here.ledger.run(syncing.plan(here.layout, here.catalog, now(), reset=reset))
    if as_json:
        show.as_json([_view(one) for one in found])
        return
    for one in found:
        if one.did != "keep":
            _print(one)
    click.echo(f"{counted(len(here.catalog.schedules), 'schedule')} declared: {_counts(found, 'to ')}.")


@group.command("apply")
@reset
@as_json
def apply(reset: bool, as_json: bool) -> None:
    """Store what code declares: the release phase.

    Schedules made at run time are left alone, and so is what was re-timed by hand.
    """
    here = house()
    for warning in prepare(here.ledger, here.keys, here.config.durability):
        click.echo(f"Warning: {warning}", err=True)
    found = here.ledger.run(syncing.apply(here.layout, here.catalog, now(), reset=reset))
    if as_json:
        show.as_json({done: [one.name for one in found if DONE[one.did] == done] for done in DONE.values()})
        return
    for one in found:
        if one.did != "keep":
            click.echo(f"{DONE[one.did]:<8} {show.plain(one.name)}")
    click.echo(f"{counted(len(here.catalog.schedules), 'schedule')} declared: {_counts(found)}.")


@group.command("export")
@click.option("--all", "everything", is_flag=True, help="Those that code declares, too.")
@click.option("--redbeat", is_flag=True, help="As plain RedBeat entries; those that it cannot express are named.")
def export(everything: bool, redbeat: bool) -> None:
    """Print the schedules that were made at run time, as JSON that import takes."""
    here, present = house(), to_ms(now())
    found = [one for one in here.ledger.run(load_all(here.layout)) if everything or one.owner != "code"]
    if redbeat:
        show.as_json([_as_redbeat(one) for one in found if _expressed(one)])
        return
    paused = [members_of(one) | ({"enabled": False} if one.paused(present) else {}) for one in found]
    show.as_json({"version": VERSION, "schedules": paused})


@group.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--replace", is_flag=True, help="Change those that are there already.")
@as_json
def import_them(file: Any, replace: bool, as_json: bool) -> None:
    """Store schedules that export has printed; - reads standard input."""
    here = house()
    done: dict[str, list[str]] = {"added": [], "changed": [], "refused": []}
    for members in _read(file):
        name = str(members.get("name", "?"))
        try:
            done[_imported(here, name, members, replace=replace)].append(name)
        except LedgerUnavailable:
            raise
        except CoreError as error:
            hint = " --replace changes it." if isinstance(error, AlreadyExists) else ""
            click.echo(f"Error: {show.plain(name)}: {show.plain(error)}{hint}", err=True)
            done["refused"].append(name)
    if as_json:
        show.as_json(done)
    else:
        click.echo(", ".join(f"{len(names)} {what}" for what, names in done.items()) + ".")
    if done["refused"]:
        sys.exit(REFUSED)


def _expressed(schedule: Schedule) -> bool:
    """Tell whether plain RedBeat can fire *schedule*, and say on standard error why it cannot."""
    why = "" if schedule.task else "it emits an event, and RedBeat starts tasks"
    if not expressible(schedule):
        why = "RedBeat has no such trigger, or no time zone for it"
    if why:
        click.echo(f"Left out: {show.plain(schedule.name)}: {why}.", err=True)
    return not why


def _as_redbeat(schedule: Schedule) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(definition(schedule))
    return found | {"task": schedule.task, "args": [], "kwargs": schedule.data or {}}


def _imported(here: House, name: str, members: dict[str, Any], *, replace: bool) -> str:
    """Store one schedule; returns what was done."""
    present = now()
    if replace and here.ledger.run(load_one(here.layout, name)):
        wanted = partial(_replaced, members, here.catalog, to_ms(present))
        here.ledger.run(scheduling.change(here.layout, name, wanted, present))
        return "changed"
    schedule = drafted(members, here.catalog, to_ms(present), owner="import")
    here.ledger.run(scheduling.create(here.layout, schedule))
    return "added"


def _replaced(members: dict[str, Any], catalog: Catalog, present: int, schedule: Schedule) -> Schedule:
    """Return *schedule* as *members* describe it; of one that code declares, its timing and whether it is paused."""
    whole = dict.fromkeys(MEMBERS) | {"name": schedule.name, "enabled": True} | members
    if schedule.owner == "code":
        whole = {name: value for name, value in whole.items() if name in OF_CODE}
    return changed(schedule, whole, catalog, present)


def _read(file: Any) -> Sequence[dict[str, Any]]:
    try:
        found = json.loads(file.read())
        version, schedules = found["version"], list(found["schedules"])
        json.dumps(schedules, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise click.BadParameter(f"This is nothing that flask schedules export has printed: {error!r:.200}") from None
    if version != VERSION:
        raise click.BadParameter(f"This was exported by another release: version {version!r:.20}; wanted {VERSION}.")
    if not all(isinstance(one, dict) for one in schedules):
        raise click.BadParameter("This is nothing that flask schedules export has printed: a schedule is no object.")
    return schedules


def _counts(found: Sequence[Difference], to: str = "") -> str:
    words = {"add": "add", "change": "change", "remove": "remove", "keep": "keep", "drift": "leave as re-timed by hand"}
    counted = {did: sum(one.did == did for one in found) for did in words}
    if to:
        return ", ".join(f"{count} {to}{words[did]}" for did, count in counted.items() if count or did == "add")
    return ", ".join(f"{count} {DONE[did]}" for did, count in counted.items() if count or did != "drift")


def _print(one: Difference) -> None:
    place = f"  ({one.place})" if one.place else ""
    click.echo(f"{SIGNS[one.did]} {show.plain(one.name)}{place}")
    for member, (before, after) in one.changes.items():
        click.echo(f"    {member}: {show.plain(_short(before))} -> {show.plain(_short(after))}")
    if one.did == "drift":
        click.echo("    was changed by hand and stays so; apply --reset undoes that")


def _short(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)


def _view(one: Difference) -> dict[str, Any]:
    changes = {name: {"stored": before, "declared": after} for name, (before, after) in one.changes.items()}
    return {"name": one.name, "do": one.did, "place": one.place, "changes": changes}
