"""The eight figures of the overview."""

from dataclasses import dataclass
from datetime import datetime

from core.dashboard.facts import DUE, Facts
from core.dashboard.view import ages, clock, coarse, duration, number, silent
from core.retention import DAY, FAILED_KEPT


@dataclass(frozen=True)
class Figure:
    """A figure, its unit, and a note; *mark* is that of a state, *bad* is in the colour of what failed."""

    name: str
    value: str
    note: str
    unit: str = ""
    mark: str = ""
    bad: bool = False


def figures(facts: Facts, moment: datetime) -> list[Figure]:
    """Return the figures at *moment*."""
    count = {state: facts.counts.get(state, 0) for state in ("pending", "running", "succeeded", "retrying", "dead")}
    beside = f"{number(facts.counts.get('parked'))} parked, {number(facts.counts.get('scheduled'))} scheduled"
    hour = facts.hour.ended.get("succeeded", 0)
    kept = f"kept {FAILED_KEPT // DAY} days · {number(facts.counts.get('expired'))} expired"
    return [
        Figure("waiting", number(count["pending"]), beside, mark="pending"),
        Figure("running", number(count["running"]), f"of {number(facts.slots)} slots", mark="running"),
        Figure("succeeded", number(hour), f"last hour · {number(count['succeeded'])} kept", mark="succeeded"),
        Figure("retrying", number(count["retrying"]), _next_attempt(facts), mark="retrying"),
        Figure("dead", number(count["dead"]), kept, mark="dead", bad=count["dead"] > 0),
        _oldest(facts),
        _workers(facts, moment),
        _beat(facts, moment),
    ]


def _next_attempt(facts: Facts) -> str:
    if facts.due is None:
        return "none waits"
    wait = coarse(max(facts.due - facts.now, 0) / 1000)
    return f"next attempt {'in' if facts.counts.get('retrying', 0) <= DUE else 'within'} {wait}"


def _oldest(facts: Facts) -> Figure:
    waits = [row for row in facts.queues if row["wait"] is not None]
    if not waits:
        return Figure("oldest wait", "none", "nothing waits")
    row = max(waits, key=lambda row: float(row["wait"]))
    value, unit = (duration if row["wait"] < 60 else coarse)(row["wait"]).split(" ", 1)
    return Figure("oldest wait", value, f"queue {row['queue'][:40]}", unit)


def _workers(facts: Facts, moment: datetime) -> Figure:
    heard = ages(facts.workers, moment)
    if not heard:
        return Figure("workers", number(len(facts.workers)), "no heartbeat", bad=True)
    mute = sum(silent(row, moment) for row in facts.workers)
    note = (
        f"{number(mute)} silent, the longest {coarse(heard[-1])}"
        if mute
        else f"heartbeat {coarse(heard[-1])} old at most"
    )
    return Figure("workers", number(len(facts.workers)), note, bad=mute > 0)


def _beat(facts: Facts, moment: datetime) -> Figure:
    leading = [row for row in facts.beats if row.get("leader")]
    heard = ages(leading or facts.beats, moment)
    if not heard:
        return Figure("beat", "none", "no heartbeat", bad=True)
    value, unit = coarse(heard[0]).split(" ")
    since = clock(leading[0].get("leads_since"), moment) if leading else ""
    since = since.rpartition(":")[0] if since.count(":") == 2 else since
    note = f"leads since {since}" if since else "leads" if leading else "none leads yet"
    return Figure("beat", value, note, unit, bad="beat" in facts.failing)
