"""flask schedules add, edit, remove, run, pause, resume, skip and backfill."""

import sys
from contextlib import nullcontext
from datetime import datetime
from typing import Any

import click

from core import scheduling
from core.asking import Backfill, Made, ask, make_up, planned
from core.cli import show
from core.cli.command import as_json
from core.cli.filters import moment
from core.cli.schedules import found_here, group
from core.cli.timing import whole
from core.cli.wording import ago
from core.clock import now, rfc3339, to_ms
from core.drafting import NOTE, changed, drafted
from core.entries import load
from core.house import House, house
from core.ledger.views import Json
from core.schedule import Schedule
from core.schedule_views import schedule_view
from core.wording import counted

LONG = 200  # planned times from which on a bar shows how far a backfill is

name = click.argument("name")


@group.command("add")
@name
@whole
@as_json
def add(name: str, members: dict[str, Any], as_json: bool) -> None:
    """Make a schedule that runs a task or emits an event."""
    here, present = house(), now()
    schedule = drafted({"name": name, **members}, here.catalog, to_ms(present), owner="cli")
    here.ledger.run(scheduling.create(here.layout, schedule))
    _say(here, "Added", schedule, as_json=as_json)


@group.command("edit")
@name
@whole
@click.option("--unset", multiple=True, metavar="MEMBER", help="Give a member its default again; may be repeated.")
@as_json
def edit(name: str, members: dict[str, Any], unset: tuple[str, ...], as_json: bool) -> None:
    """Change what the options say of a schedule; of one that code declares only its timing."""
    here, present = house(), now()
    members |= dict.fromkeys(one.replace("-", "_") for one in unset)
    if not members:
        raise click.UsageError("Say what to change, e.g. --cron '0 8 * * *'.")
    found_here(here, name)
    schedule = here.ledger.run(
        scheduling.change(here.layout, name, lambda one: changed(one, members, here.catalog, to_ms(present)), present)
    )
    _say(here, "Changed", schedule, as_json=as_json)


@group.command("remove")
@name
@click.option("--yes", "-y", is_flag=True, help="Do not ask first.")
@as_json
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Remove a schedule that code does not declare; its history stays."""
    here = house()
    if not here.ledger.run(load(here.layout, [name])):
        found_here(here, name)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove the schedule {name}?", abort=True, err=True)
    here.ledger.run(scheduling.delete(here.layout, name))
    if as_json:
        show.as_json({"schedule": name, "removed": True})
    else:
        click.echo(f"Removed {show.plain(name)}.")


@group.command("pause")
@name
@click.option("--note", default="", help=f"Why; at most {NOTE} characters.")
@click.option("--until", callback=moment, metavar="TIME", help="It goes on by itself then.")
@as_json
def pause(name: str, note: str, until: datetime | None, as_json: bool) -> None:
    """Let a schedule fire no more, until it is resumed."""
    here, present = house(), now()
    if len(note) > NOTE:
        raise click.BadParameter(f"--note has {len(note)} characters; wanted at most {NOTE}.")
    if until is not None and until <= present:
        raise click.BadParameter(f"--until lies before now, {rfc3339(present)}.")
    found_here(here, name)
    schedule = here.ledger.run(scheduling.pause(here.layout, name, present, note=note, until=until))
    _say(here, "Paused", schedule, as_json=as_json)


@group.command("resume")
@name
@as_json
def resume(name: str, as_json: bool) -> None:
    """Let a paused schedule fire again, from now on."""
    here = house()
    found_here(here, name)
    _say(here, "Resumed", here.ledger.run(scheduling.resume(here.layout, name, now())), as_json=as_json)


@group.command("skip")
@name
@click.option("--planned", callback=moment, metavar="TIME", help="That planned time; the next one by default.")
@as_json
def skip(name: str, planned: datetime | None, as_json: bool) -> None:
    """Let one planned time not fire."""
    here, present = house(), now()
    found_here(here, name)
    skipped = rfc3339(here.ledger.run(scheduling.skip(here.layout, name, present, planned)))
    if as_json:
        show.as_json({"schedule": name, "skipped": skipped})
    else:
        click.echo(f"{show.plain(name)} will not fire at {skipped} ({ago(skipped, present)}).")


@group.command("run")
@name
@as_json
def run_now(name: str, as_json: bool) -> None:
    """Run a schedule's task now, beside its planned times."""
    here = house()
    wanted, made = here.ledger.run(ask(here.layout, here.mover, found_here(here, name), now()))
    here.bus.publish(here.mover.unsent([wanted]))
    if as_json:
        show.as_json({"schedule": name, "runs": [{"id": one.run, "task": one.task} for one in made]})
    else:
        show.table(("run", "task"), [(one.run, one.task) for one in made])


@group.command("backfill")
@name
@click.option("--from", "since", required=True, callback=moment, metavar="TIME", help="A time, or an age: 2h.")
@click.option("--to", "until", callback=moment, metavar="TIME", help="Now by default.")
@click.option("--force", is_flag=True, help="Those that did fire, too.")
@as_json
def backfill(name: str, since: datetime, until: datetime | None, force: bool, as_json: bool) -> None:
    """Run what a schedule did not fire in a past range."""
    here, present = house(), now()
    found_here(here, name)
    schedule = here.ledger.run(scheduling.settle(here.layout, name, present))
    times = planned(schedule, Backfill(since, until or present, force), present)
    made = _made_up(here, schedule, times, force=force)
    if as_json:
        runs: list[Json] = [{"id": one.run, "task": one.task, "planned": rfc3339(one.planned)} for one in made]
        show.as_json({"schedule": name, "runs": runs, "planned": len(times)})
        return
    if made:
        show.table(("planned", "run"), [(rfc3339(one.planned), one.run) for one in made])
    click.echo(f"{counted(len(made), 'run')} made for {counted(len(times), 'planned time')}.")


def _made_up(here: House, schedule: Schedule, times: list[datetime], *, force: bool) -> list[Made]:
    watched = len(times) >= LONG and sys.stderr.isatty()
    shown: Any = click.progressbar(length=len(times), label="Backfilling", file=sys.stderr) if watched else None
    with shown or nullcontext() as bar:
        went = None if bar is None else bar.update
        flow = make_up(here.layout, here.mover, schedule, times, force=force, publish=here.bus.publish, went=went)
        return here.ledger.run(flow)


def _say(here: House, did: str, schedule: Schedule, *, as_json: bool) -> None:
    present = now()
    view = here.ledger.run(schedule_view(here.layout, schedule, present))
    if as_json:
        show.as_json(view)
        return
    following = f"next {view['next']} ({ago(view['next'], present)})" if view["next"] else "no next time"
    click.echo(f"{did} {show.plain(schedule.name)}: {show.plain(view['description'])}; {following}.")
