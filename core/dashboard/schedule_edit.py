"""/dashboard/schedules/-/new and /-/edit: the form of a schedule, with a preview that stores nothing."""

from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import available_timezones

from flask import Blueprint, Response, request

from core.clock import from_ms, now, to_ms
from core.dashboard import schedule_form as forms
from core.dashboard import schedule_words as words
from core.dashboard import shell
from core.dashboard.forms import needs
from core.dashboard.schedule_form import Errors, Texts
from core.dashboard.schedules import change_of
from core.drafting import KINDS, InvalidSchedule, changed, drafted, trial
from core.errors import AlreadyExists, PreconditionFailed
from core.house import house
from core.planning import next_fire
from core.schedule import Schedule
from core.schedule_views import preview
from core.scheduling import change, create, etag, found

blueprint = Blueprint("schedule_edit", __name__)
TIMES = 10


@blueprint.get("/schedules/-/new")
@needs("schedules.edit")
def get_new() -> Response:
    """Show an empty form; the query may fill in fields of it."""
    texts = forms.blank(house().config.dashboard_timezone)
    return _form(None, forms.given(request.args, texts), {})


@blueprint.post("/schedules/-/new")
@needs("schedules.edit")
def post_new() -> Response:
    """Make a schedule, or look at its planned times."""
    here, moment = house(), to_ms(now())
    texts = forms.given(request.form, forms.blank(here.config.dashboard_timezone))
    if "do" in request.form:
        return _preview(None, texts)
    members, errors = forms.members(texts, None, here.catalog)
    try:
        schedule = drafted(members, here.catalog, moment, owner="dashboard")
    except InvalidSchedule as error:
        errors = _together(error, errors, texts)
    if errors:
        return _form(None, texts, errors, status=422)
    try:
        here.ledger.run(create(here.layout, schedule))
    except AlreadyExists as error:
        return _form(None, texts, {"name": str(error)}, status=409)
    return _stored(schedule)


@blueprint.get("/schedules/-/edit/<path:name>")
@needs("schedules.edit")
def get_edit(name: str) -> Response:
    """Show the form of a schedule."""
    schedule = _found(name)
    return _form(schedule, forms.stored(schedule), {})


@blueprint.post("/schedules/-/edit/<path:name>")
@needs("schedules.edit")
def post_edit(name: str) -> Response:
    """Change a schedule, if it still is what the form showed, or look at its planned times."""
    here, moment, schedule = house(), now(), _found(name)
    before = forms.stored(schedule)
    texts = forms.given(request.form, before)
    if "do" in request.form:
        return _preview(schedule, texts)
    if request.form.get("etag") != etag(schedule):
        return _form(schedule, texts, {}, status=412, stale=forms.differences(before, texts))
    members, errors = forms.members(texts, before, here.catalog)
    try:
        changed(schedule, members, here.catalog, to_ms(moment))
    except InvalidSchedule as error:
        errors = _together(error, errors, texts)
    if errors:
        return _form(schedule, texts, errors, status=422)
    flow = change(
        here.layout, name, lambda one: changed(one, members, here.catalog, to_ms(moment)), moment, [etag(schedule)]
    )
    try:
        return _stored(here.ledger.run(flow))
    except PreconditionFailed:
        schedule = _found(name)
        return _form(schedule, texts, {}, status=412, stale=forms.differences(forms.stored(schedule), texts))


def _found(name: str) -> Schedule:
    here = house()
    return here.ledger.run(found(here.layout, name))[1]


def _stored(schedule: Schedule) -> Response:
    following, moment = next_fire(schedule), shell.local_now()
    then = f"Its next time is {words.day_and_time(following, moment)}." if following else "It has no next time."
    path = f"{request.script_root}/dashboard/schedules/{quote(schedule.name)}"
    return shell.leave(path, f"{schedule.name} is stored. {then}")


def _together(error: InvalidSchedule, errors: Errors, texts: Texts) -> Errors:
    """Return what drafting refuses and what could not even be read, which it took for missing."""
    refused = forms.by_field(error.errors)
    if texts["kind"] in errors:
        refused = {name: detail for name, detail in refused.items() if name not in forms.WHEN}
    return refused | errors


def _preview(schedule: Schedule | None, texts: Texts) -> Response:
    """Show the form with the planned times that it would have, or only these."""
    shown, errors = _trial(texts)
    if request.form["do"] == "fragment":
        return shell.show("schedule_preview.html", words=words, shown=shown, errors=errors)
    return _form(schedule, texts, errors, status=422 if errors else 200, shown=shown)


def _trial(texts: Texts) -> tuple[dict[str, Any] | None, Errors]:
    """Return the planned times of what *texts* say, or what is wrong with them."""
    moment = shell.local_now()
    members, errors = forms.timing(texts)
    if errors:
        return None, errors
    try:
        tried = trial(members, to_ms(moment))
    except InvalidSchedule as error:
        return None, forms.by_field(error.errors)
    return _times(tried, preview(tried, moment, TIMES)), {}


def _times(schedule: Schedule, times: dict[str, Any]) -> dict[str, Any]:
    change = change_of(schedule.trigger, shell.local_now())
    timezone = schedule.trigger.get("timezone", "UTC")
    return {"times": times, "timezone": timezone, "change": words.warning(change) if change else ""}


def _form(
    schedule: Schedule | None,
    texts: Texts,
    errors: Errors,
    *,
    status: int = 200,
    shown: dict[str, Any] | None = None,
    stale: object = None,
) -> Response:
    here, moment = house(), shell.local_now()
    if schedule and shown is None and not errors:
        shown = _times(schedule, preview(schedule, moment, TIMES))
    return shell.show(
        "schedule_edit.html",
        status=status,
        moment=moment,
        words=words,
        schedule=schedule,
        maker=words.maker(_made(schedule), moment) if schedule else "",
        etag=etag(schedule) if schedule else "",
        given=texts,
        errors=errors,
        shown=shown,
        stale=stale,
        locked=forms.locked(schedule),
        labels=forms.LABELS,
        targets=forms.targets(here.catalog),
        zones=zones(),
        kinds=KINDS,
    )


def _made(schedule: Schedule) -> dict[str, Any]:
    created = from_ms(schedule.created).isoformat()
    return {"place": schedule.place, "owner": schedule.owner, "created": created}


@cache
def zones() -> list[str]:
    """Return the names of time zones that a field offers; it takes others, too."""
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))]
