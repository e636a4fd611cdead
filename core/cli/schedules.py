"""flask schedules: what fires when, and the release phase that stores what code declares."""

import difflib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from core import clockwork
from core.cli import show
from core.cli.command import Group, as_json, limit
from core.cli.wording import ago, duration, full, number, spelling
from core.clock import from_ms, now, rfc3339
from core.entries import Schedule, load_all, load_one
from core.errors import NotFound
from core.house import House, house
from core.ledger.boot import prepare
from core.ledger.firing import fires, last_fires
from core.ledger.views import Json
from core.schedule_views import schedule_view, schedule_views

LAST = datetime.max.replace(tzinfo=UTC)

group = Group("schedules", help="Schedules: what fires when.")


@group.command("list")
@as_json
def list_them(as_json: bool) -> None:
    """List schedules by name."""
    here, moment = house(), now()
    found = here.ledger.run(schedule_views(here.layout))
    if as_json:
        show.as_json(found)
    elif found:
        rows = [
            (s["name"], spelling(s), s["timezone"], _next(s, moment), _last(s, moment), s["owner"], s["task"])
            for s in found
        ]
        show.table(("name", "when", "timezone", "next", "last", "owner", "task"), rows)
    else:
        click.echo("No schedules. flask schedules apply stores those that code declares.")


@group.command("show")
@click.argument("name")
@as_json
def show_one(name: str, as_json: bool) -> None:
    """Show one schedule with its last and next fire."""
    here, moment = house(), now()
    schedule = _found(here, name)
    [last] = here.ledger.run(last_fires(here.keys, [name]))
    view = schedule_view(schedule, last)
    if as_json:
        show.as_json(view)
        return
    show.facts(
        [
            ("name", name),
            ("task", view["task"]),
            ("when", spelling(view)),
            ("in words", view["description"]),
            *((key, view[key]) for key in ("timezone", "overlap", "catch_up")),
            ("jitter", duration(view["jitter"]) if view["jitter"] else ""),
            *((key, view[key]) for key in ("starts_at", "ends_at")),
            ("paused", "yes" if view["paused"] else ""),
            ("owner", " ".join([view["owner"], view["place"] and f"({view['place']})"]).strip()),
            ("created", full(view["created"], moment)),
            ("last", _last(view, moment)),
            ("last run", last and last.run),
            ("next", full(view["next"], moment)),
        ]
    )


@group.command("run")
@click.argument("name")
@as_json
def run_now(name: str, as_json: bool) -> None:
    """Run a schedule's task now, beside its planned times."""
    here = house()
    accepted, hint = here.ledger.run(clockwork.ask(here.layout, here.catalog, _found(here, name), now()))
    here.bus.publish([hint])
    if as_json:
        show.as_json({"schedule": name, "runs": [{"id": run, "task": task} for run, task in accepted.runs]})
    else:
        show.table(("run", "task"), accepted.runs)


@group.command("preview")
@click.argument("name")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many.")
@as_json
def preview(name: str, count: int, as_json: bool) -> None:
    """Show the next planned times of a schedule."""
    moment = now()
    schedule = _found(house(), name)
    zone = ZoneInfo(schedule.trigger.get("timezone", "UTC"))
    times = [(rfc3339(at), at.astimezone(zone).isoformat()) for at in _planned(schedule, moment, count)]
    if as_json:
        named = [{"at": at, "local": local} for at, local in times]
        show.as_json({"description": schedule.timing.describe(), "times": named})
        return
    paused = "" if schedule.enabled else " It is paused: none of these will fire."
    click.echo(f"{schedule.timing.describe()}.{paused}\n")
    if times:
        show.table(("at", "local", "from now"), [(at, local, ago(at, moment)) for at, local in times])
    else:
        click.echo("It has no planned time any more.")


@group.command("fires")
@click.argument("name")
@limit
@as_json
def list_fires(name: str, limit: int, as_json: bool) -> None:
    """List what became of planned times."""
    here = house()
    found = [fire.view() for fire in here.ledger.run(fires(here.keys, name, limit))]
    if not found:
        _found(here, name)
    if as_json:
        show.as_json(found)
    elif found:
        rows = [(_span(f), f["state"], f["cause"], duration(f["late"]) if f["late"] else "", f["run"]) for f in found]
        show.table(("planned", "state", "cause", "late", "run"), rows)
    else:
        click.echo("No planned time has come yet.")


@group.command("apply")
@as_json
def apply(as_json: bool) -> None:
    """Store what code declares: the release phase.

    Schedules made at run time are left alone.
    """
    here = house()
    for warning in prepare(here.ledger, here.keys, here.config.durability):
        click.echo(f"Warning: {warning}", err=True)
    done = here.ledger.run(clockwork.apply(here.layout, here.catalog, now()))
    if as_json:
        show.as_json(done)
        return
    for what in ("added", "changed", "removed"):
        for name in done[what]:
            click.echo(f"{what:<8} {show.plain(name)}")
    counts = ", ".join(f"{len(names)} {what}" for what, names in done.items())
    click.echo(f"{number(len(here.catalog.schedules), 'schedule')} declared: {counts}.")


def _found(here: House, name: str) -> Schedule:
    """Return the schedule called *name*; where there is none, say what to do."""
    schedule = here.ledger.run(load_one(here.layout, name))
    if schedule is not None:
        return schedule
    if name in here.catalog.schedules:
        raise NotFound(f"Code declares the schedule {name!r}, but it is not stored yet. Run: flask schedules apply")
    near = difflib.get_close_matches(name, [one.name for one in here.ledger.run(load_all(here.layout))], n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise NotFound(f"There is no schedule {name!r}. {hint}flask schedules list shows them.")


def _planned(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    begin = after if schedule.starts_at is None else max(after, from_ms(schedule.starts_at - 1))
    end = LAST if schedule.ends_at is None else from_ms(schedule.ends_at)
    return schedule.timing.between(begin, end, count)


def _next(view: Json, moment: datetime) -> str:
    return "paused" if view["paused"] else ago(view["next"], moment) or "never"


def _last(view: Json, moment: datetime) -> str:
    last = view["last"]
    return f"{last['state']} {ago(last.get('to') or last['planned'], moment)}" if last else ""


def _span(fire: Json) -> str:
    return f"{fire['from']} to {fire['to']}, {fire['count']} times" if "to" in fire else str(fire["planned"])
