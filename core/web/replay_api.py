"""/api/v1/events/<event>/replay: the same fact once more, for the handlers that a person chose."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from core.house import house
from core.replaying import SAME, Wanted
from core.web.asked import MOST_NAMES, asked, is_text, refuse
from core.web.idempotency import accepted, idempotency_key

blueprint = Blueprint("replay", __name__)
MEMBERS = ("only", "tasks", "data")


@blueprint.post("/events/<event>/replay")
def post_replay(event: str) -> ResponseReturnValue:
    """Accept a new event with the content of an old one, or with edited data, and a run for each chosen handler.

    A sync view: a webhook's event may have 5 MB, for which the event loop has no time.
    """
    wanted = _wanted(event, asked(MEMBERS), idempotency_key(f"POST /events/{event}/replay"))
    receipt = house().replay(wanted)
    return accepted(receipt, receipt.view() | {"replay_of": event})


def _wanted(event: str, body: dict[str, Any], key: str) -> Wanted:
    errors = []
    only, tasks = body.get("only", "all"), body.get("tasks")
    if only not in ("all", "failed"):
        errors.append({"pointer": "/only", "detail": "must be all or failed"})
    fine = isinstance(tasks, list) and 1 <= len(tasks) <= MOST_NAMES and all(map(is_text, tasks))
    if "tasks" in body and not fine:
        errors.append({"pointer": "/tasks", "detail": f"must be a list of 1 to {MOST_NAMES} names of tasks"})
    refuse(errors)
    return Wanted(event=event, only=only, tasks=tasks, data=body.get("data", SAME), key=key)
