"""/dashboard/runs/<run>: one run with all that is known of it, and the way to run it again with other data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from core.catalog import Task
from core.causes import Cause, unsealed
from core.clock import rfc3339
from core.dashboard import shell, timeline
from core.dashboard.forms import needs
from core.dashboard.json_view import JsonView, json_view, spelled
from core.dashboard.view import Row, attempts
from core.errors import InvalidEvent, NotFound, StateConflict, UnknownEvent
from core.house import House, house
from core.ledger.flow import Flow
from core.ledger.keys import FAILED, TERMINAL, Keys, cause_of
from core.ledger.offspring import children
from core.ledger.views import run_view
from core.operating import FITTING
from core.replaying import SAME, Wanted
from core.retention import FAILED_KEPT, KEPT
from core.web.strict_json import JsonTooComplex, MalformedJson, parse
from core.wording import parse as parsed_time

blueprint = Blueprint("run_page", __name__)
CHILDREN = 20
EDITABLE = 64 * 1024  # bytes of a record whose data a form shows
GONE = "There is no run {run!r}: its retention is over, or nothing ever had this id."


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """What the page shows of *run*. *cause* is None where its record is gone, without data where they are large."""

    run: Row
    task: Task | None
    cause: Cause | None
    size: int
    children: Sequence[Row]
    child_count: int
    spans: Sequence[timeline.Span]
    kept_until: str | None

    @property
    def ended(self) -> bool:
        return self.run["state"] in TERMINAL

    @property
    def retry(self) -> bool:
        return self.run["state"] in FITTING["retry"] and self.cause is not None

    @property
    def cancel(self) -> bool:
        return self.run["state"] in FITTING["cancel"]

    @property
    def again(self) -> bool:
        """Whether its event can be replayed for its task."""
        return self.cause is not None and self.cause.kind == "event" and self.task is not None

    @property
    def editable(self) -> bool:
        return self.again and self.size <= EDITABLE

    @property
    def data(self) -> str:
        """The data of its event, for a form."""
        return spelled(self.cause.data) if self.cause and self.editable else ""

    @property
    def arguments(self) -> JsonView | None:
        """What a fire or a call passes to the task."""
        shown = self.cause is not None and self.cause.kind != "event" and self.cause.data is not None
        return json_view(self.cause.data) if self.cause and shown else None

    @property
    def result(self) -> JsonView | None:
        return None if self.run["result"] is None else json_view(self.run["result"])

    @property
    def bars(self) -> Sequence[timeline.Bar]:
        return timeline.bars(self.spans)

    @property
    def sentence(self) -> str:
        return timeline.sentence(self.spans)

    @property
    def seconds(self) -> float:
        """Return how long it took from its creation to its end, or has taken so far."""
        return sum(span.seconds for span in self.spans) if self.spans else 0.0

    @property
    def waited(self) -> float:
        return sum(span.seconds for span in self.spans if not span.attempt)

    @property
    def attempt(self) -> str:
        """Which attempt it is at, ``2 of 6`` where that is known."""
        return attempts(self.task, self.run["attempt"])

    @property
    def worker(self) -> str:
        return self.run["attempts"][-1]["worker"] or "" if self.run["attempts"] else ""

    @property
    def live(self) -> bool:
        """Whether something of it may still change."""
        stands = [one["state"] for child in self.children for one in child["runs"]]
        return not self.ended or any(state not in TERMINAL for state in stands)


@blueprint.get("/runs/<run>")
def get(run: str) -> Response:
    """Show a run."""
    return _show(run)


@blueprint.post("/runs/<run>/again")
@needs("events.replay")
def post_again(run: str) -> ResponseReturnValue:
    """Replay the event of a run for its task, with its own data or edited ones."""
    here = house()
    page = here.ledger.run(_page(here, run, shell.local_now()))
    if not page.again:
        raise StateConflict(f"Run {run} is of no event, or of a task that is gone: only events are replayed.", "")
    text = request.form.get("data")
    try:
        receipt_id = _replayed(here, page, text)
    except (MalformedJson, JsonTooComplex, InvalidEvent, UnknownEvent) as error:
        return _show(run, status=422, edited=text or "", wrong=str(error))
    return shell.leave(f"{request.script_root}/dashboard/runs/{quote(receipt_id, safe='')}", "A new run, just made.")


def _replayed(here: House, page: RunPage, text: str | None) -> str:
    """Replay the event; returns the id of the new run."""
    data = SAME if text is None else parse(text.encode("utf-8", "replace"))
    if page.editable and page.cause and data == page.cause.data:
        data = SAME  # as they were recorded, whatever their type says today
    event, nonce = cause_of(page.run["id"]), request.form.get("nonce", "")[:64]
    key = f"run again {event} {nonce}" if nonce else ""
    wanted = Wanted(event=event, tasks=[page.run["task"]], data=data, key=key)
    return f"{here.replay(wanted).id}.0"


def _show(run: str, *, status: int = 200, edited: str | None = None, wrong: str = "") -> Response:
    here, now = house(), shell.local_now()
    page = here.ledger.run(_page(here, run, now))
    return shell.show(
        "run_page.html",
        status=status,
        live=page.live and not wrong,
        moment=now,
        it=page,
        edited=page.data if edited is None else edited,
        wrong=wrong,
        ending=timeline.ending,
        nonce=token_hex(8),
        editable=EDITABLE,
    )


def _page(here: House, run: str, now: datetime) -> Flow[RunPage]:
    view = yield from run_view(here.keys, run)
    if view is None:
        raise NotFound(GONE.format(run=run[:80]))
    cause, size = yield from _cause(here.keys, run)
    found, count = yield from children(here.keys, run, CHILDREN)
    kept = FAILED_KEPT if view["state"] in FAILED else KEPT
    finished = parsed_time(view["finished"])
    return RunPage(
        run=view,
        task=here.catalog.task(view["task"]),
        cause=cause,
        size=size,
        children=found,
        child_count=count,
        spans=timeline.spans(view, now),
        kept_until=rfc3339(finished + timedelta(milliseconds=kept)) if finished and view["state"] in TERMINAL else None,
    )


def _cause(keys: Keys, run: str) -> Flow[tuple[Cause | None, int]]:
    """Return the cause of a run, without its data where they are large, and the bytes of its record."""
    key: Any = keys.record(cause_of(run))
    size, record = yield [("STRLEN", key), ("GETRANGE", key, 0, EDITABLE)]
    return (unsealed(record) if record else None), size
