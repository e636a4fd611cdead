"""Can the house do its work: is the ledger there, and are workers, sweepers and beat fresh."""

from collections.abc import Sequence
from typing import Any

from core.errors import LedgerUnavailable
from core.ledger.alive import Process, alive
from core.ledger.flow import Flow
from core.ledger.keys import Keys

FRESH = {"workers": ("worker", 30_000), "sweeper": ("sweeper", 10_000), "beat": ("beat", 10_000)}  # role, ms

Checks = dict[str, dict[str, Any]]


def look(keys: Keys) -> Flow[Checks]:
    """Return each check with ``ok`` and a sentence."""
    processes = yield from alive(keys)
    [info] = yield [("INFO", "memory")]
    policy = str(info.get("maxmemory_policy", "noeviction"))
    ledger = {"ok": policy == "noeviction", "detail": f"It answers; its maxmemory-policy is {policy}."}
    return {"ledger": ledger} | {name: _fresh(processes, *FRESH[name]) for name in FRESH}


def unknown(error: LedgerUnavailable) -> Checks:
    """Return the checks where the ledger did not answer."""
    missing = {"ok": False, "detail": "Not known while the ledger does not answer."}
    return {"ledger": {"ok": False, "detail": str(error)}} | dict.fromkeys(FRESH, missing)


def failing(checks: Checks) -> list[str]:
    """Return the names of the checks that are not fine."""
    return [name for name, check in checks.items() if not check["ok"]]


def _fresh(processes: Sequence[Process], role: str, limit: int) -> dict[str, Any]:
    found = [process for process in processes if process.role == role and process.age <= limit]
    if not found:
        return {"ok": False, "detail": f"No {role} spoke within the last {limit // 1000} s. Is its process running?"}
    return {"ok": True, "detail": f"{len(found)} alive, the last heartbeat {found[0].age / 1000:.1f} s ago."}
