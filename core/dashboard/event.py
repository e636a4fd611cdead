"""/dashboard/events/<id>: one event: what led to it, what came of it, its data, and how to replay it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from secrets import token_hex
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from markupsafe import escape

from core.dashboard import shell
from core.dashboard.chain import Chain, chain
from core.dashboard.descent import descent
from core.dashboard.forms import needs
from core.dashboard.json_view import JsonView, json_view, size_of, spelled
from core.dashboard.view import Row
from core.errors import InvalidEvent, NotFound, UnknownEvent, UnknownTarget
from core.house import House, house
from core.ledger.keys import FAILED
from core.ledger.views import event_view
from core.replaying import SAME, Wanted, answerers, may_answer
from core.web.strict_json import JsonTooComplex, MalformedJson, parse
from core.wording import counted

blueprint = Blueprint("event", __name__)
SHOWN = 30  # runs in the table
MOST_EDITED = 24 * 1024  # characters of a form's data as they stand in the page
ENVELOPE = ("specversion", "id", "type", "source", "subject", "time")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """The form to edit and replay: the data as text, which of the tasks are ticked, what is wrong with either."""

    data: str
    tasks: Sequence[str]
    ticked: Sequence[str]
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An event as its page shows it. ``left_out`` runs of it are not in the chain."""

    event: Row
    chain: Chain
    left_out: int
    payload: JsonView
    size: int
    edit: Edit | None  # None where the data are too large for a form
    answerers: Sequence[str]
    nonce: str

    @property
    def runs(self) -> Sequence[Row]:
        runs: Sequence[Row] = self.event["runs"]
        return runs

    @property
    def failed(self) -> int:
        return sum(run["state"] in FAILED for run in self.runs)

    @property
    def extensions(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.event["attributes"].items() if name not in ENVELOPE]


@blueprint.get("/events/<event>")
def get_event(event: str) -> Response:
    """Show one event."""
    return _page(house(), _found(house(), event))


@blueprint.post("/events/<event>/replay")
@needs("events.replay")
def post_replay(event: str) -> ResponseReturnValue:
    """Replay an event: its failed runs, all of them, or chosen tasks with edited data."""
    here, form = house(), request.form
    if "data" in form:
        return _edited(here, _found(here, event))
    only = "failed" if form.get("only") == "failed" else "all"
    return _replayed(here, Wanted(event=event, only=only, key=_key(event)))  # type: ignore[arg-type]


def _edited(here: House, event: Row) -> ResponseReturnValue:
    text, ticked = request.form["data"], request.form.getlist("tasks")
    given = Edit(data=text, tasks=may_answer(here.catalog, event["type"], event["runs"]), ticked=ticked)
    if not ticked:
        return _page(here, event, replace(given, errors={"tasks": "No task is ticked. Tick those that are to run."}))
    try:
        data = parse(text.encode("utf-8", "surrogatepass"))
        wanted = Wanted(event=event["id"], tasks=ticked, data=SAME if data == event["data"] else data, key=_key(text))
        return _replayed(here, wanted)
    except (MalformedJson, JsonTooComplex) as error:
        errors = {"data": f"This is not JSON: {error}"}
    except (InvalidEvent, UnknownEvent) as error:
        errors = {"data": str(error)}
    except UnknownTarget as error:
        errors = {"tasks": str(error)}
    return _page(here, event, replace(given, errors=errors))


def _replayed(here: House, wanted: Wanted) -> Response:
    receipt = here.replay(wanted)
    said = f"Replayed: {counted(len(receipt.runs), 'new run')}. This is the new event."
    told = "This was replayed already; nothing is added." if receipt.duplicate else said
    return shell.leave(f"{request.script_root}/dashboard/events/{receipt.id}", told)


def _key(answers: str) -> str:
    """Return what names this form with its *answers*, so that it counts once if it is sent twice."""
    digest = sha256(answers.encode("utf-8", "surrogatepass")).hexdigest()
    return f"dashboard {request.form['nonce'][:64]} {digest}" if request.form.get("nonce") else ""


def _found(here: House, event: str) -> Row:
    found = here.ledger.run(event_view(here.keys, event))
    if found is None:
        raise NotFound(f"There is no event {event[:80]!r}. If it was accepted once, its retention is over.")
    return found


def _page(here: House, event: Row, edit: Edit | None = None) -> Response:
    now = shell.local_now()
    steps, left_out = here.ledger.run(descent(here.keys, event, event["runs"]))
    size = size_of(event["data"])
    shown = Shown(
        event=event,
        chain=chain(steps, now),
        left_out=left_out,
        payload=json_view(event["data"]),
        size=size,
        edit=edit or (_unedited(here, event) if size <= MOST_EDITED else None),
        answerers=answerers(here.catalog, event["type"]),
        nonce=token_hex(8),
    )
    is_open = bool(shown.chain.open) and edit is None
    status = 200 if edit is None else 422
    return shell.show("event_page.html", status=status, live=is_open, moment=now, it=shown, shown=SHOWN)


def _unedited(here: House, event: Row) -> Edit | None:
    text = spelled(event["data"])
    if len(escape(text)) > MOST_EDITED:
        return None
    tasks = may_answer(here.catalog, event["type"], event["runs"])
    answered = [task for task in tasks if any(run["task"] == task for run in event["runs"])]
    return Edit(data=text, tasks=tasks, ticked=answered or tasks)
