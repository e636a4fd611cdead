"""/healthz and /readyz: is this process up, and can the house do its work."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from core.errors import LedgerUnavailable
from core.house import house
from core.ledger.alive import Process, alive

blueprint = Blueprint("health", __name__)
FRESH = {"workers": ("worker", 30_000), "sweeper": ("sweeper", 10_000), "beat": ("beat", 10_000)}  # role, ms


@blueprint.get("/healthz")
async def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
async def readyz() -> ResponseReturnValue:
    """200 if ledger, workers, sweeper and beat are fresh; else 503, naming what is not."""
    checks = await look()
    failing = [name for name, check in checks.items() if not check["ok"]]
    body = {"status": "not ready" if failing else "ready", "failing": failing, "checks": checks}
    return jsonify(body), 503 if failing else 200


async def look() -> dict[str, dict[str, Any]]:
    """Return each check with ``ok`` and a sentence."""
    here = house()
    try:
        processes = await here.async_ledger.run(alive(here.keys))
        info = await here.async_ledger.run(_memory())
    except LedgerUnavailable as error:
        missing = {"ok": False, "detail": "Not known while the ledger does not answer."}
        return {"ledger": {"ok": False, "detail": str(error)}} | dict.fromkeys(FRESH, missing)
    policy = str(info.get("maxmemory_policy", "noeviction"))
    ledger = {"ok": policy == "noeviction", "detail": f"It answers; its maxmemory-policy is {policy}."}
    return {"ledger": ledger} | {name: _fresh(processes, *FRESH[name]) for name in FRESH}


def _fresh(processes: Sequence[Process], role: str, limit: int) -> dict[str, Any]:
    found = [process for process in processes if process.role == role and process.age <= limit]
    if not found:
        return {"ok": False, "detail": f"No {role} spoke within the last {limit // 1000} s. Is its process running?"}
    return {"ok": True, "detail": f"{len(found)} alive, the last heartbeat {found[0].age / 1000:.1f} s ago."}


def _memory() -> Any:
    [info] = yield [("INFO", "memory")]
    return info
