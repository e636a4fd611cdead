"""/dashboard/workers: living processes, what they are at, and what an operator tells them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from core.census import process_views
from core.clock import now
from core.dashboard import shell
from core.dashboard.forms import needs
from core.dashboard.view import Row, number, of_role, silent
from core.entries import Layout
from core.errors import NotFound
from core.house import house
from core.ledger.alive import alive
from core.ledger.at_work import AtWork, at_work
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.leading import holder
from core.ordering import order, order_all
from core.wording import counted

blueprint = Blueprint("workers", __name__)
LISTED = 200  # processes on the page
SHOWN = 100  # runs that are running
MOST_NOTES = 10
TOLD = {"quiet": "take no new runs", "resume": "take runs again", "stop": "stop"}
ENDS = "It ends as at SIGTERM: what runs has some seconds to end, and what does not is given back, uncounted. "
AGAIN = "Whoever started it starts it again: make run does, and so do platforms."


@dataclass(frozen=True, kw_only=True)
class Crew:
    """What the page shows. ``runs`` are those of *worker*, or of all; ``running`` is how many there are in all."""

    workers: Sequence[Row]
    beats: Sequence[Row]
    runs: Sequence[AtWork]
    running: int
    worker: str
    lead: str  # who holds the lead of the beats

    @property
    def strange_lead(self) -> bool:
        """Whether somebody leads who is no beat of ours."""
        return bool(self.lead) and self.lead not in [beat["id"] for beat in self.beats]

    def notes(self, moment: datetime) -> list[tuple[str, str]]:
        """Return what wants reading: the fact, and what to do."""
        found = [
            (f"Nothing was heard of {row['id']} for {row['age']:.0f} s.", SILENCE[row["role"]])
            for row in (*self.workers, *self.beats)
            if silent(row, moment)
        ]
        if self.strange_lead:
            rest = "A plain RedBeat fires the schedules, or a beat that was killed did until seconds ago."
            found.append((f"The lead is held by {self.lead[:80]}, which is no beat of this application.", rest))
        if self.workers and not any(takes(row) for row in self.workers):
            found.append(("Every worker is quiet or stops: what is accepted waits.", "Have one resume, or start one."))
        return found[:MOST_NOTES]


SILENCE = {
    "worker": "Another worker takes its runs back; if it lives and its server is slow, it goes on.",
    "beat": "Another one leads if there is one; else no schedule fires. Start one with make run.",
}


@blueprint.get("/workers")
def get_workers() -> Response:
    """Show workers and beats, and what is running, the longest first."""
    here, moment, worker = house(), now(), request.args.get("worker", "")[:200]
    crew = here.ledger.run(look(here.keys, here.layout, moment, worker))
    return shell.show("workers.html", live=True, crew=crew, notes=crew.notes(moment), listed=LISTED, shown=SHOWN)


def look(keys: Keys, layout: Layout, moment: datetime, worker: str = "") -> Flow[Crew]:
    """Return what the page shows."""
    rows = process_views((yield from alive(keys)), moment)
    runs, running = yield from at_work(keys, SHOWN, worker)
    return Crew(
        workers=of_role(rows, "worker"),
        beats=of_role(rows, "beat"),
        runs=runs,
        running=running,
        worker=worker,
        lead=(yield from holder(layout.lock)),
    )


def takes(row: Row) -> bool:
    return not row.get("quiet") and not row.get("stopping")


@blueprint.post("/workers/<ident>/quiet")
@needs("workers.quiet")
def post_quiet(ident: str) -> ResponseReturnValue:
    """Have a worker take no new runs."""
    return _tell("quiet", ident)


@blueprint.post("/workers/<ident>/resume")
@needs("workers.quiet")
def post_resume(ident: str) -> ResponseReturnValue:
    """Have a worker take runs again."""
    return _tell("resume", ident)


@blueprint.get("/workers/<ident>/stop")
@needs("workers.stop")
def get_stop(ident: str) -> Response:
    """Ask whether a worker or beat shall stop."""
    here = house()
    found = [one for one in here.ledger.run(alive(here.keys)) if one.id == ident]
    if not found:
        raise NotFound(f"No worker or beat {ident[:80]!r} spoke within the last minute.")
    busy = found[0].info.get("busy") or 0
    runs = f"{number(busy)} {'run is' if busy == 1 else 'runs are'} going on in it. " if busy else ""
    return _ask(f"Stop {ident[:80]}?", f"{runs}{ENDS}{AGAIN}", "Stop", url_for(".post_stop", ident=ident))


@blueprint.post("/workers/<ident>/stop")
@needs("workers.stop")
def post_stop(ident: str) -> ResponseReturnValue:
    """Stop a worker or a beat."""
    return _tell("stop", ident)


@blueprint.get("/workers/quiet")
@needs("workers.quiet")
def get_quiet_all() -> Response:
    """Ask whether all workers shall be quiet."""
    fact = "No worker takes new runs until it resumes, or ends. What runs goes on; what is accepted waits, and is kept."
    return _ask("Have all workers take no new runs?", fact, "Quiet all", url_for(".post_quiet_all"))


@blueprint.post("/workers/quiet")
@needs("workers.quiet")
def post_quiet_all() -> ResponseReturnValue:
    """Have all workers take no new runs."""
    return _tell_all("quiet")


@blueprint.post("/workers/resume")
@needs("workers.quiet")
def post_resume_all() -> ResponseReturnValue:
    """Have all workers take runs again."""
    return _tell_all("resume")


@blueprint.get("/workers/stop")
@needs("workers.stop")
def get_stop_all() -> Response:
    """Ask whether all workers shall stop."""
    fact = f"{ENDS.replace('It ends', 'They end')}{AGAIN.replace('it again', 'them again')}"
    return _ask("Stop all workers?", fact, "Stop all", url_for(".post_stop_all"))


@blueprint.post("/workers/stop")
@needs("workers.stop")
def post_stop_all() -> ResponseReturnValue:
    """Stop all workers."""
    return _tell_all("stop")


def _ask(title: str, fact: str, verb: str, action: str) -> Response:
    back = url_for(".get_workers")
    return shell.show("confirm.html", title=title, fact=fact, verb=verb, action=action, back=back, fields=[])


def _tell(word: str, ident: str) -> Response:
    here = house()
    here.ledger.run(order(here.keys, ident, word))
    return _left(f"{ident[:80]} was told to {TOLD[word]}.")


def _tell_all(word: str) -> Response:
    here = house()
    told = here.ledger.run(order_all(here.keys, word))
    who = "No worker is alive, so nobody" if not told else counted(len(told), "worker")
    return _left(f"{who} {'was' if len(told) < 2 else 'were'} told to {TOLD[word]}.")


def _left(said: str) -> Response:
    return shell.leave(url_for(".get_workers"), f"{said} An order is looked for each few seconds.")
