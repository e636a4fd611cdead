"""Can the house do its work: is the ledger there, and are workers, sweepers and beat fresh."""

from collections.abc import Sequence
from typing import Any

from core.errors import LedgerUnavailable
from core.ledger.alive import Process, alive
from core.ledger.flow import Flow, server_now
from core.ledger.keys import Keys

FRESH = {"workers": ("worker", 30_000), "sweeper": ("sweeper", 10_000), "beat": ("beat", 10_000)}  # role, ms

LATE = 60.0  # seconds that a planned time may be overdue
Checks = dict[str, dict[str, Any]]


def look(keys: Keys, timetable: str) -> Flow[Checks]:
    """Return each check with ``ok`` and a sentence; *timetable* is where schedules stand by their next fire."""
    processes = yield from alive(keys)
    overdue = yield from overdue_schedules(timetable)
    [info] = yield [("INFO", "memory")]
    policy = str(info.get("maxmemory_policy", "noeviction"))
    ledger = {"ok": policy == "noeviction", "detail": f"It answers; its maxmemory-policy is {policy}."}
    late = f"{overdue} schedules have a planned time that is overdue by more than {LATE:g} s. Does beat lead?"
    schedules = {"ok": not overdue, "detail": late if overdue else "No planned time is overdue."}
    fresh = {name: _fresh(processes, *FRESH[name]) for name in FRESH}
    return {"ledger": ledger, **fresh, "schedules": schedules}


def overdue_schedules(timetable: str) -> Flow[int]:
    """Return how many schedules have a planned time that did not fire within LATE seconds."""
    moment = yield from server_now()
    [count] = yield [("ZCOUNT", timetable, "-inf", moment / 1000 - LATE)]
    return int(count)


def unknown(error: LedgerUnavailable) -> Checks:
    """Return the checks where the ledger did not answer."""
    missing = {"ok": False, "detail": "Not known while the ledger does not answer."}
    return {"ledger": {"ok": False, "detail": str(error)}} | dict.fromkeys((*FRESH, "schedules"), missing)


def failing(checks: Checks) -> list[str]:
    """Return the names of the checks that are not fine."""
    return [name for name, check in checks.items() if not check["ok"]]


def _fresh(processes: Sequence[Process], role: str, limit: int) -> dict[str, Any]:
    found = [process for process in processes if process.role == role and process.age <= limit]
    if not found:
        return {"ok": False, "detail": f"No {role} spoke within the last {limit // 1000} s. Is its process running?"}
    return {"ok": True, "detail": f"{len(found)} alive, the last heartbeat {found[0].age / 1000:.1f} s ago."}
