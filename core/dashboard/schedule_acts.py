"""/dashboard/schedules/-/…: what people do to a schedule. No name begins with a dash, so no schedule is called that."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from flask import Blueprint, Response, request

from core.asking import Backfill, InvalidRange, ask, make_up, planned, unfired
from core.clock import now, rfc3339
from core.dashboard import shell
from core.dashboard.fields import local_time, now_text
from core.dashboard.forms import needs
from core.dashboard.schedule_words import day_and_time
from core.drafting import NOTE, pause_problems
from core.entries import load
from core.errors import NotFound
from core.house import house
from core.scheduling import delete, etag, found, pause, resume, settle, skip
from core.web.problems import Problem
from core.web.query import instant_of
from core.wording import counted

blueprint = Blueprint("schedule_acts", __name__)
Errors = dict[str, str]


@blueprint.post("/schedules/-/run/<path:name>")
@needs("schedules.run")
def post_run(name: str) -> Response:
    """Run a schedule's task now, beside its planned times."""
    here = house()
    _, schedule = here.ledger.run(found(here.layout, name))
    wanted, made = here.ledger.run(ask(here.layout, here.mover, schedule, now()))
    here.bus.publish(here.mover.unsent([wanted]))
    runs = ", ".join(one.run for one in made[:3])
    return _leave(name, f"{name} runs now: {runs}." if made else f"{name} has fired; no handler answers its event.")


@blueprint.get("/schedules/-/pause/<path:name>")
@needs("schedules.pause")
def get_pause(name: str) -> Response:
    """Ask why, and until when."""
    return _ask_pause(name, {})


@blueprint.post("/schedules/-/pause/<path:name>")
@needs("schedules.pause")
def post_pause(name: str) -> Response:
    """Let a schedule fire no more, until a time or until it is resumed."""
    here, moment, errors = house(), shell.local_now(), Errors()
    note, until = request.form.get("note", "").strip(), _time("until", errors)
    errors = {name: f"It {detail}." for name, detail in pause_problems(note, until, moment)} | errors
    if errors:
        return _ask_pause(name, errors)
    here.ledger.run(pause(here.layout, name, moment, note=note, until=until))
    return _leave(name, f"{name} is paused{f' until {day_and_time(until, moment)}' if until else ''}.")


@blueprint.post("/schedules/-/resume/<path:name>")
@needs("schedules.pause")
def post_resume(name: str) -> Response:
    """Let a paused schedule fire again, from now on."""
    here = house()
    here.ledger.run(resume(here.layout, name, now()))
    return _leave(name, f"{name} fires again from now on.")


@blueprint.post("/schedules/-/skip/<path:name>")
@needs("schedules.skip")
def post_skip(name: str) -> Response:
    """Let one planned time not fire: the one that the page showed as the next."""
    here, moment, text = house(), shell.local_now(), request.form.get("planned", "")
    wanted = instant_of(text) if text else None
    if text and wanted is None:
        raise Problem("bad-query", f"Found {text[:40]!r}; wanted a planned time. Load the page again.")
    skipped = here.ledger.run(skip(here.layout, name, moment, wanted))
    return _leave(name, f"{name} will not fire at {day_and_time(skipped, moment)}.")


@blueprint.get("/schedules/-/backfill/<path:name>")
@needs("schedules.backfill")
def get_backfill(name: str) -> Response:
    """Ask for the range."""
    return _ask_backfill(name, {})


@blueprint.post("/schedules/-/backfill/<path:name>")
@needs("schedules.backfill")
def post_backfill(name: str) -> Response:
    """Run what a schedule did not fire in a past range; first tell how many planned times that are."""
    here, moment, errors = house(), shell.local_now(), Errors()
    given = {member: _time(member, errors, wanted=True) for member in ("from", "to")}
    since, until, force = given["from"], given["to"], "force" in request.form
    if since is None or until is None:
        return _ask_backfill(name, errors)
    schedule = here.ledger.run(settle(here.layout, name, moment))
    try:
        times = planned(schedule, Backfill(since, until, force), moment)
    except InvalidRange as error:
        return _ask_backfill(name, {one["pointer"][1:]: f"It {one['detail']}." for one in error.errors})
    if "sure" in request.form:
        flow = make_up(here.layout, here.mover, schedule, times, force=force, publish=here.bus.publish)
        made = here.ledger.run(flow)
        return _leave(name, f"{counted(len(made), 'run')} made for {counted(len(times), 'planned time')} of {name}.")
    chosen = times if force else here.ledger.run(unfired(here.layout, schedule, times))
    span = f"from {day_and_time(since, moment)} to {day_and_time(until, moment)}"
    if not chosen:
        fired = f"all {len(times):,} planned times {span} have fired" if times else f"none is planned {span}"
        return _ask_backfill(name, {"from": f"There is nothing to make up for: {fired}."})
    others = len(times) - len(chosen)
    left = "the other one has fired" if others == 1 else f"the other {others:,} have fired"
    again = ", those that did fire as well" if force else f"; {left}" if others else ""
    return _confirm(
        name,
        "backfill",
        title=f"Backfill {name}",
        fact=f"{counted(len(chosen), 'planned time')} {span} will run{again}. They run at once, side by side.",
        verb=f"Make {counted(len(chosen), 'run')}",
        fields=[("from", rfc3339(since)), ("to", rfc3339(until)), ("sure", "1"), *([("force", "1")] if force else [])],
    )


@blueprint.get("/schedules/-/delete/<path:name>")
@needs("schedules.edit")
def get_delete(name: str) -> Response:
    """Ask first."""
    here = house()
    entries = here.ledger.run(load(here.layout, [name]))
    if not entries:
        raise NotFound(f"There is no schedule {name[:128]!r}; it may have been deleted already.")
    schedule = here.layout.read(entries[0])
    return _confirm(
        name,
        "delete",
        title=f"Delete {name}",
        fact="It fires no more. What became of its planned times, and its runs, stay until they are past retention.",
        verb="Delete it",
        fields=[("etag", etag(schedule))] if schedule else [],
    )


@blueprint.post("/schedules/-/delete/<path:name>")
@needs("schedules.edit")
def post_delete(name: str) -> Response:
    """Take a schedule out of the store that code does not declare."""
    here, tag = house(), request.form.get("etag")
    here.ledger.run(delete(here.layout, name, [tag] if tag else None))
    return shell.leave(_list(), f"{name} is deleted.")


def _ask_pause(name: str, errors: Errors) -> Response:
    return _form("schedule_pause.html", name, errors, given=request.form, longest=NOTE)


def _ask_backfill(name: str, errors: Errors) -> Response:
    given = request.form.to_dict() or {"from": request.args.get("from", ""), "to": request.args.get("to", "")}
    return _form("schedule_backfill.html", name, errors, given={**given, "to": given.get("to") or _now()})


def _form(template: str, name: str, errors: Errors, **page: Any) -> Response:
    here = house()
    here.ledger.run(found(here.layout, name))
    return shell.show(template, status=422 if errors else 200, name=name, errors=errors, back=_page(name), **page)


def _confirm(name: str, act: str, **page: Any) -> Response:
    action = f"{_list()}/-/{act}/{quote(name)}"
    return shell.show("confirm.html", back=_page(name), action=action, **page)


def _time(member: str, errors: Errors, *, wanted: bool = False) -> datetime | None:
    """Return the time in a field, on the clocks of the pages; None without one, and with one that is noted as wrong."""
    text = request.form.get(member, "").strip()
    if not text:
        errors |= {member: "A time is wanted here."} if wanted else {}
        return None
    try:
        return local_time(text, house().config.dashboard_timezone, member)
    except ValueError as error:
        errors[member] = str(error)
        return None


def _leave(name: str, said: str) -> Response:
    """Go back to where the form stood: the list, as it was searched, or the schedule's own page."""
    back = request.form.get("back")
    if back is None:
        return shell.leave(_page(name), said)
    query = urlencode(parse_qsl(back))
    return shell.leave(f"{_list()}{'?' if query else ''}{query}", said)


def _list() -> str:
    return f"{request.script_root}/dashboard/schedules"


def _page(name: str) -> str:
    return f"{_list()}/{quote(name)}"


def _now() -> str:
    return now_text(shell.local_now())
