"""What wants reading: the fact, then what to do, and where. Times in sentences are RFC 3339; the page words them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from urllib.parse import quote

from core.clock import rfc3339
from core.dashboard.facts import Facts, Rows
from core.dashboard.view import Row, coarse, duration, number, silent
from core.ledger.admission import FULL, ROOM
from core.ledger.firing import Fire
from core.ledger.keys import OPEN
from core.wording import waiting

NAMED = 3  # of one kind, before the alert says how many more there are
Link = tuple[str, str]  # words and path

DOCTOR: Link = ("See the doctor", "/dashboard/doctor")
WORKERS: Link = ("See workers", "/dashboard/workers")
QUEUES: Link = ("See queues", "/dashboard/queues")
SCHEDULES: Link = ("See schedules", "/dashboard/schedules")
START = "Start one with make run, or as your Procfile does."


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One thing that wants reading. *names* stand between the title and the text."""

    title: str
    text: str
    see: Link
    names: Sequence[Link] = ()
    mark: str = "alert"


def alerts(facts: Facts, moment: datetime) -> list[Alert]:
    """Return all that wants reading at *moment*, what may lose work first."""
    return [
        *_server(facts),
        *_absent(facts),
        *_missed(facts.missed),
        *_overdue(facts),
        *_held(facts),
        *_processes([*facts.workers, *facts.beats], moment),
        *_unserved(facts),
    ]


def _server(facts: Facts) -> Iterator[Alert]:
    if facts.policy != "noeviction":
        text = f"the server may drop what was accepted, its maxmemory-policy is {facts.policy}. Set it to noeviction."
        yield Alert(title="Eviction", text=text, see=DOCTOR)
    share = facts.use.share
    if share >= ROOM:
        taken = "nothing new is accepted" if share >= FULL else f"from {FULL:.0%} on nothing new is accepted"
        text = f"the ledger uses {share:.0%} of its memory; {taken}. Start more workers, or give it more."
        yield Alert(title="Memory", text=text, see=DOCTOR)
    open_runs = sum(facts.counts.get(state, 0) for state in OPEN)
    if open_runs >= facts.backlog:
        text = f"{number(open_runs)} runs have not ended, and no more are accepted. Start more workers, "
        yield Alert(title="Backlog", text=f"{text}or raise BACKLOG_LIMIT.", see=QUEUES)


def _absent(facts: Facts) -> Iterator[Alert]:
    if "workers" in facts.failing:
        yield Alert(title="No worker is alive", text=f"what is accepted waits. {START}", see=WORKERS)
    elif "sweeper" in facts.failing:
        text = "what is lost of a worker that dies waits. The log of the workers says why they do not sweep."
        yield Alert(title="No sweeper is alive", text=text, see=WORKERS)
    elif all(row.get("quiet") for row in facts.workers):
        yield Alert(title="Every worker is quiet", text="what is accepted waits. Have one resume.", see=WORKERS)
    if "beat" in facts.failing:
        yield Alert(title="No beat is alive", text=f"no schedule fires. {START}", see=WORKERS)


def _missed(missed: Sequence[tuple[str, Fire]]) -> Iterator[Alert]:
    """Yield an alert for each cause, the newest first: one outage is one thing to read."""
    by_cause = sorted(missed, key=lambda one: one[1].cause)
    groups = [list(group) for _, group in groupby(by_cause, lambda one: one[1].cause)]
    groups.sort(key=lambda group: max(row.ms for _, row in group), reverse=True)
    for group in groups[:NAMED]:
        group.sort(key=lambda one: (-one[1].ms, one[0]))
        names, row = [_schedule(name) for name, _ in group[:NAMED]], group[0][1]
        text = f"{_planned([row for _, row in group], len(group) - len(names))}. {_because(row.cause)}"
        see = ("See its fires", names[0][1]) if len(group) == 1 else SCHEDULES
        yield Alert(title="Missed", names=names, text=text, see=see, mark="missed")


def _planned(rows: Sequence[Fire], more: int) -> str:
    others = f"and {number(more)} more " if more else ""
    times = sum(row.count for row in rows)
    if times == 1:
        return f"planned {rfc3339(rows[0].planned)}"
    first, last = min(row.planned for row in rows), max(row.until or row.planned for row in rows)
    when = f"from {rfc3339(first)} to {rfc3339(last)}" if first < last else f"at {rfc3339(first)}"
    return f"{others}{number(times)} planned times {when}"


def _because(cause: str) -> str:
    fact = cause[:1].upper() + cause[1:]
    if cause.startswith("outside the catch-up window"):
        return f"{fact}. A wider catch_up_window would make up for it."
    return f"{fact}; the policy is catch_up=skip. With catch_up=latest one run makes up for it."


def _overdue(facts: Facts) -> Iterator[Alert]:
    count, found = facts.overdue
    if count and "beat" not in facts.failing:
        more = f"and {number(count - len(found))} more " if count > len(found) else ""
        text = f"{more}should have fired a minute ago or earlier. The log of beat says what keeps it."
        yield Alert(title="Overdue", names=[_schedule(name) for name in found], text=text, see=SCHEDULES)


def _held(facts: Facts) -> Iterator[Alert]:
    found = sorted(facts.held.values(), key=lambda one: one.since, reverse=True)
    for one in found[:NAMED]:
        text = f"is not fired since {one.since}. {one.reason}"
        yield Alert(title="Held", names=[_schedule(one.name)], text=text, see=("See it", _schedule(one.name)[1]))
    if len(found) > NAMED:
        text = f"{number(len(found) - NAMED)} more schedules are not fired; each says why."
        yield Alert(title="Held", text=text, see=SCHEDULES)


def _processes(rows: Rows, moment: datetime) -> Iterator[Alert]:
    for row in [row for row in rows if row.get("stuck")][:NAMED]:
        threads = "a thread" if row["stuck"] == 1 else f"{number(row['stuck'])} threads"
        text = f"still holds {threads} whose function outlived its timeout. To end that, stop it: it is started again."
        yield Alert(title="Stuck", names=[_process(row)], text=text, see=WORKERS)
    for row in [row for row in rows if silent(row, moment)][:NAMED]:
        text = f"was last heard of {coarse(row.get('age') or 0)} ago. "
        text += "Others take its runs back." if row["role"] == "worker" else "Another beat takes over, if there is one."
        yield Alert(title="Silent", names=[_process(row)], text=text, see=WORKERS)


def _unserved(facts: Facts) -> Iterator[Alert]:
    if "workers" in facts.failing:
        return
    for row in [row for row in facts.queues if row["pending"] and not row["workers"] and not row.get("quiet")][:NAMED]:
        waits = f"{waiting(row['pending'])} in it, the first for {duration(row['wait'])}"
        text = f"{waits}, and no worker serves it. Start one with -Q."
        yield Alert(title="Queue", names=[(row["queue"], QUEUES[1])], text=text, see=QUEUES)


def _schedule(name: str) -> Link:
    return name, f"/dashboard/schedules/{quote(name)}"


def _process(row: Row) -> Link:
    return str(row["id"]), WORKERS[1]
