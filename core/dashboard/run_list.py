"""/dashboard/runs: all runs, or those that a search finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from core.catalog import Catalog
from core.clock import from_ms, rfc3339
from core.dashboard import shell, view
from core.dashboard.query import BadQuery
from core.dashboard.run_search import Search, search
from core.house import House, house
from core.ledger.flow import Flow
from core.ledger.keys import FAILED, STATES, TERMINAL, Keys
from core.ledger.listing import Page, count_runs, list_runs, oldest_run
from core.ledger.views import PLACES
from core.web.problems import Problem
from core.web.query import cursor, cursor_of

blueprint = Blueprint("run_list", __name__)
SHOWN = 50
GROUPS = (
    ("Open", [state for state in STATES if state not in TERMINAL]),
    ("Ended", [state for state in STATES if state in TERMINAL and state not in FAILED]),
    ("Failed", list(FAILED)),
)


@dataclass(frozen=True)
class Line:
    """A run as a row: the run, and what is made of it for people."""

    run: view.Row
    attempt: str
    waited: str
    took: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the page shows. *total* is how many match, None where nobody knows; *counts* has what is known by state.

    *looked* is how far back one looked, where fewer than a page were found and there may be more.
    """

    lines: Sequence[Line]
    total: int | None
    counts: Mapping[str, int]
    kept: int
    oldest: str | None
    older: str
    looked: str | None


@blueprint.get("/runs")
def get() -> Response:
    """Show the runs that a search finds, newest first; one that cannot be understood is told of."""
    here, now = house(), shell.local_now()
    text = request.args.get("q", "").strip()
    found, wrong = Search(), ""
    try:
        found = search(text, now)
    except BadQuery as error:
        wrong = str(error)
    try:
        before = cursor_of(request.args) if not wrong else None
    except Problem:
        before, wrong = None, "The address names no place in this list; these are the newest runs."
    page = Page(limit=SHOWN, before=before, since=found.selection.since, until=found.selection.until)
    return shell.show(
        "run_list.html",
        status=422 if wrong else 200,
        live=True,
        moment=now,
        listing=here.ledger.run(_listing(here, found, page, now)),
        q=text,
        wrong=wrong,
        search=found,
        groups=GROUPS,
        address=address,
        before="" if before is None else cursor(before),
        nonce=token_hex(8),
        own_search=True,
    )


def address(q: str, place: str = "") -> str:
    """Return where the runs that *q* finds are listed, from *place* on."""
    given = [(name, text) for name, text in (("q", q), ("cursor", place)) if text]
    return f"{request.script_root}/dashboard/runs" + (f"?{urlencode(given)}" if given else "")


def _listing(here: House, found: Search, page: Page, now: datetime) -> Flow[Listing]:
    keys, wanted = here.keys, found.selection.wanted
    runs, following = yield from list_runs(keys, wanted, page)
    everything = replace(page, before=None)
    total = yield from count_runs(keys, wanted, everything)
    kept = yield from _by_state(keys, Page())
    plain = not any((wanted.task, wanted.event, wanted.schedule, wanted.queue, wanted.data))
    timed = page.since is not None or page.until is not None
    counts = (yield from _by_state(keys, everything)) if plain and timed else kept if plain else {}
    oldest = yield from oldest_run(keys)
    if total is None and following is None and page.before is None:
        total = len(runs)
    return Listing(
        lines=[_line(here.catalog, run, now) for run in runs],
        total=total,
        counts=counts,
        kept=sum(kept.values()),
        oldest=None if oldest is None else rfc3339(from_ms(oldest)),
        older="" if following is None else cursor(following),
        looked=rfc3339(from_ms(following // PLACES)) if following is not None and len(runs) < page.limit else None,
    )


def _by_state(keys: Keys, page: Page) -> Flow[dict[str, int]]:
    found = yield [("ZCOUNT", key, page.low, page.high) for key in keys.states]
    return dict(zip(STATES, found, strict=True))


def _line(catalog: Catalog, run: dict[str, Any], now: datetime) -> Line:
    waiting = view.age(run["due"] or run["created"], now) if run["state"] in ("pending", "parked") else None
    waited = view.waited(run) if waiting is None else f"{view.coarse(waiting)} so far"
    return Line(run, view.attempts(catalog.task(run["task"]), run["attempt"]), waited, view.took(run, now))
