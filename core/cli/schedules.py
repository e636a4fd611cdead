"""flask schedules: what fires when, and what became of planned times."""

import difflib
import json
from datetime import datetime
from typing import Any

import click

from core.cli import show
from core.cli.command import Group, as_json, limit
from core.cli.filters import moment
from core.cli.timing import timing
from core.cli.wording import ago, duration, full, spelling
from core.clock import now, to_ms
from core.drafting import trial
from core.entries import load, load_one, names
from core.errors import NotFound, StateConflict
from core.house import House, house
from core.ledger.fires import fires
from core.ledger.views import Json
from core.schedule import Schedule
from core.schedule_views import preview as previewed
from core.schedule_views import schedule_views

group = Group("schedules", help="Schedules: what fires when.")


@group.command("list")
@as_json
def list_them(as_json: bool) -> None:
    """List schedules by name."""
    here, moment = house(), now()
    found = here.ledger.run(schedule_views(here.layout, moment))
    if as_json:
        show.as_json(found)
    elif found:
        rows = [
            (s["name"], _when(s), s.get("timezone"), _next(s, moment), _last(s, moment), s["owner"], _target(s))
            for s in found
        ]
        show.table(("name", "when", "timezone", "next", "last", "owner", "target"), rows)
    else:
        click.echo("No schedules. flask schedules apply stores those that code declares.")


@group.command("show")
@click.argument("name")
@as_json
def show_one(name: str, as_json: bool) -> None:
    """Show one schedule with its last and next fire."""
    here, moment = house(), now()
    views = here.ledger.run(schedule_views(here.layout, moment, [name]))
    if not views:
        found_here(here, name)
    [view] = views
    if as_json:
        show.as_json(view)
        return
    pause = view.get("pause") or {}
    show.facts(
        [
            ("name", name),
            ("held", view["held"]),
            *((key, view.get(key)) for key in ("task", "event")),
            ("data", json.dumps(view["data"], ensure_ascii=False) if view.get("data") else ""),
            ("when", _when(view)),
            ("in words", view.get("description")),
            *((key, view.get(key)) for key in ("timezone", "overlap", "catch_up")),
            *((key, duration(view[key]) if view.get(key) else "") for key in ("catch_up_window", "grace", "jitter")),
            *((key, view.get(key)) for key in ("starts_at", "ends_at", "max_runs", "pause_after")),
            ("paused", " ".join(part for part in ("yes", _until(pause), pause.get("note")) if part) if pause else ""),
            ("will be skipped", ", ".join(view.get("skips", ()))),
            ("owner", f"{view['owner']} ({view['place']})" if view.get("place") else view["owner"]),
            ("created", full(view.get("created"), moment)),
            ("fires", view.get("count")),
            ("last", _last(view, moment)),
            ("last run", (view["last"] or {}).get("run")),
            ("next", full(view["next"], moment)),
        ]
    )


@group.command("preview")
@click.argument("name", required=False)
@click.option("-n", "count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many.")
@click.option("--from", "after", callback=moment, metavar="TIME", help="Those after that time; now by default.")
@timing
@as_json
def preview(name: str | None, count: int, after: datetime | None, members: dict[str, Any], as_json: bool) -> None:
    """Show the next planned times of a schedule, or of a timing that is not stored (--cron, --every, ...)."""
    present = now()
    if (name is None) == (not members):
        raise click.UsageError("Name a schedule, or say a timing such as --cron '0 7 * * mon-fri'.")
    schedule = trial(members, to_ms(present)) if name is None else found_here(house(), name)
    shown = previewed(schedule, after or present, count)
    if as_json:
        show.as_json(shown)
        return
    paused = " It is paused: none of these will fire." if schedule.paused(to_ms(present)) else ""
    click.echo(f"{shown['description']}.{paused}\n")
    if shown["times"]:
        rows = [(one["at"], one["local"], ago(one["at"], present), one.get("note", "")) for one in shown["times"]]
        show.table(("at", "local", "from now", "note"), rows)
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
        found_here(here, name)
    if as_json:
        show.as_json(found)
    elif found:
        rows = [(_span(f), f["state"], f["cause"], duration(f["late"]) if f["late"] else "", f["run"]) for f in found]
        show.table(("planned", "state", "cause", "late", "run"), rows)
    else:
        click.echo("No planned time has come yet.")


def found_here(here: House, name: str) -> Schedule:
    """Return the schedule called *name*; where there is none, say what to do."""
    schedule = here.ledger.run(load_one(here.layout, name))
    if schedule is not None:
        return schedule
    if name in here.catalog.schedules:
        raise NotFound(f"Code declares the schedule {name!r}, but it is not stored yet. Run: flask schedules apply")
    if here.ledger.run(load(here.layout, [name])):
        raise StateConflict(
            f"{name!r} is no schedule of this application: it is RedBeat's own, or held. It can be shown, and removed.",
            "foreign",
        )
    near = difflib.get_close_matches(name, here.ledger.run(names(here.layout)), n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise NotFound(f"There is no schedule {name!r}. {hint}flask schedules list shows them.")


def _next(view: Json, moment: datetime) -> str:
    if view["held"]:
        return "held"
    if view["paused"]:
        until = (view["pause"] or {}).get("until")
        return f"paused, ends {ago(until, moment)}" if until else "paused"
    return ago(view["next"], moment) or ("never" if "timezone" in view else "")


def _last(view: Json, moment: datetime) -> str:
    last = view["last"]
    return f"{last['state']} {ago(last.get('to') or last['planned'], moment)}" if last else ""


def _when(view: Json) -> str:
    return spelling(view) if "timezone" in view else ""


def _target(view: Json) -> str:
    return str(view.get("task") or view.get("event") or view["held"] or "")


def _until(pause: Json) -> str:
    return f"until {pause['until']}" if pause.get("until") else ""


def _span(fire: Json) -> str:
    return f"{fire['from']} to {fire['to']}, {fire['count']} times" if "to" in fire else str(fire["planned"])
