"""/healthz and /readyz: is this process up, and can the house do its work."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from core import readiness
from core.errors import LedgerUnavailable
from core.house import house
from core.readiness import Checks

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
async def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
async def readyz() -> ResponseReturnValue:
    """200 if ledger, workers, sweeper and beat are fresh; else 503, naming what is not."""
    checks = await look()
    failing = readiness.failing(checks)
    body = {"status": "not ready" if failing else "ready", "failing": failing, "checks": checks}
    return jsonify(body), 503 if failing else 200


async def look() -> Checks:
    """Return each check, also where the ledger does not answer."""
    here = house()
    try:
        return await here.async_ledger.run(readiness.look(here.keys, here.layout.timetable))
    except LedgerUnavailable as error:
        return readiness.unknown(error)
