"""/dashboard/runs/retry and /cancel: what is done to ticked runs, or to all that match.

What destroys, or acts on more than was ticked, asks first on a page of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from core.clock import from_ms, rfc3339
from core.dashboard import shell
from core.dashboard.forms import Refused, needs
from core.dashboard.run_acts import name_of, nonce_of
from core.dashboard.run_list import address
from core.dashboard.run_search import search
from core.dashboard.view import exact, moment
from core.house import house
from core.ledger.flow import Flow
from core.ledger.keys import STATES, Keys
from core.ledger.listing import Page, count_runs, list_runs
from core.ledger.views import PLACES
from core.operating import DONE, FITTING, MEANT, Act, Selection, Work, act_on_all
from core.web.problems import Problem
from core.web.query import cursor, cursor_of
from core.wording import counted, listed

blueprint = Blueprint("bulk_acts", __name__)
TIME = 5.0  # seconds that one request may act; what is left is for the next one
MOST_TICKED = 500
COUNTED = 1000  # runs that are looked at to say how many there are
FACTS = {
    "retry": "They start again now, and their failures are counted from 0.",
    "cancel": "They end as cancelled and do not run. A run that is going on, or has ended by then, is left alone.",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a form asks for: *act* on those of *ids*, or on all that *q* finds, from *place* on; *done* were before."""

    act: Act
    q: str
    ids: Sequence[str] | None
    place: str
    done: int
    nonce: str

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Return what a form repeats."""
        named = {"q": self.q, "cursor": self.place, "done": str(self.done or ""), "nonce": self.nonce}
        ticked = [("id", run) for run in self.ids or ()]
        on = ("on", "all" if self.ids is None else "ticked")
        return [on, *ticked, *((name, text) for name, text in named.items() if text)]


@blueprint.get("/runs/retry")
@needs("runs.retry")
def get_retry() -> ResponseReturnValue:
    """Ask whether to retry."""
    return _ask(_asked("retry", request.args))


@blueprint.post("/runs/retry")
@needs("runs.retry")
def post_retry() -> ResponseReturnValue:
    """Retry what is ticked, or all that match."""
    return _act(_asked("retry", request.form))


@blueprint.get("/runs/cancel")
@needs("runs.cancel")
def get_cancel() -> ResponseReturnValue:
    """Ask whether to cancel."""
    return _ask(_asked("cancel", request.args))


@blueprint.post("/runs/cancel")
@needs("runs.cancel")
def post_cancel() -> ResponseReturnValue:
    """Cancel what is ticked, or all that match."""
    return _act(_asked("cancel", request.form))


def _act(asked: Asked) -> Response:
    """Act, once it is certain that this is meant."""
    sure = request.form.get("sure") == "yes" or (asked.act == "retry" and asked.ids is not None)
    if asked.ids is not None and not asked.ids:
        return shell.leave(address(asked.q), "No run was ticked, so nothing was done.")
    if not sure:
        return shell.leave(_page(asked))
    here, selection = house(), _selection(asked)
    name, place = name_of(asked.act, asked.nonce), _place(asked)
    work = here.ledger.run(act_on_all(here.keys, asked.act, selection, name, place, here.bus.publish, TIME))
    if work.next is not None:
        return shell.leave(_page(replace(asked, place=cursor(work.next), done=asked.done + work.done)))
    return shell.leave(address(asked.q), _told(asked, work))


def _ask(asked: Asked) -> Response:
    """Show what would happen to how many, or how far it has got."""
    place, selection = _place(asked), _selection(asked)
    verb, many = asked.act.capitalize(), _many(asked)
    if place is None:
        count = many or house().ledger.run(_count(house().keys, selection))
        title, sure = f"{verb} {count}", f"{verb} them"
        which = "" if asked.ids is not None else f"Of all runs{_matching(asked)}, those that are {_states(selection)}. "
        fact = f"{which}{FACTS[asked.act]}"
    else:
        at = moment(rfc3339(from_ms(place // PLACES)), shell.local_now())
        title, sure = f"{DONE[asked.act].capitalize()} {counted(asked.done, 'run')} so far", "Go on"
        left = f"created before {exact(from_ms(place // PLACES)) if at is None else at.exact}"
        fact = f"Of all runs{_matching(asked)}, those {left} are left: one request acts for {TIME:g} seconds."
    return shell.show(
        "confirm.html",
        title=title,
        fact=fact,
        verb=sure,
        back=address(asked.q),
        action=f"{request.script_root}/dashboard/runs/{asked.act}",
        fields=[*asked.fields, ("sure", "yes")],
    )


def _asked(act: Act, given: Any) -> Asked:
    ids = list(dict.fromkeys(text for text in given.getlist("id") if text))
    if len(ids) > MOST_TICKED:
        raise Refused(f"{len(ids):,} runs are named, {MOST_TICKED} are the most. Nothing was done. Search for them.")
    done = given.get("done", "")
    return Asked(
        act=act,
        q=given.get("q", "").strip(),
        ids=None if given.get("on") == "all" else ids,
        place=given.get("cursor", ""),
        done=int(done) if done.isascii() and done.isdecimal() and len(done) < 10 else 0,
        nonce=nonce_of(given),
    )


def _selection(asked: Asked) -> Selection:
    """Return the runs that are meant: of all that match, those on which it can act.

    Raises:
        BadQuery: the search cannot be understood.
        Refused: it can act on none of them.
    """
    if asked.ids is not None:
        return Selection(ids=asked.ids)
    found = search(asked.q, shell.local_now()).selection
    states = [state for state in found.wanted.states or MEANT[asked.act] if state in FITTING[asked.act]]
    if not states:
        takes = listed(FITTING[asked.act], "or")
        raise Refused(f"{asked.act.capitalize()} takes runs that are {takes}. Nothing was done.")
    return replace(found, wanted=replace(found.wanted, states=tuple(states)))


def _place(asked: Asked) -> int | None:
    try:
        return cursor_of({"cursor": asked.place}) if asked.place else None
    except Problem:
        raise Refused("The form names no place in the list. Nothing was done; go back and search again.") from None


def _count(keys: Keys, selection: Selection) -> Flow[str]:
    """Return how many runs are selected, or how many at least, in words."""
    page = Page(limit=COUNTED, since=selection.since, until=selection.until)
    total = yield from count_runs(keys, selection.wanted, page)
    if total is not None:
        return counted(total, "run")
    found, following = yield from list_runs(keys, selection.wanted, page, whole=False)
    return f"at least {counted(len(found), 'run')}" if following is not None else counted(len(found), "run")


def _told(asked: Asked, work: Work) -> str:
    done = asked.done + work.done
    rest = (len(asked.ids) if asked.ids is not None else work.matched) - work.done
    takes = listed(FITTING[asked.act], "or")
    kept = f" {counted(rest, 'run')} stayed as before: {asked.act} takes what is {takes}." if rest else ""
    return f"{DONE[asked.act].capitalize()} {counted(done, 'run')}.{kept}"


def _many(asked: Asked) -> str:
    return "" if asked.ids is None else counted(len(asked.ids), "run")


def _matching(asked: Asked) -> str:
    return f" that match {asked.q}" if asked.q else ""


def _states(selection: Selection) -> str:
    return listed([state for state in STATES if state in selection.wanted.states], "or")


def _page(asked: Asked) -> str:
    return f"{request.script_root}/dashboard/runs/{asked.act}?{urlencode(asked.fields)}"
