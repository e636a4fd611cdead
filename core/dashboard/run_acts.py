"""/dashboard/runs/<run>/retry and /cancel. Each form that acts on runs bears a nonce: sent twice it counts once."""

import hashlib
import re
from collections.abc import Mapping
from secrets import token_hex
from urllib.parse import quote

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from core.dashboard import shell
from core.dashboard.forms import needs
from core.house import house
from core.operating import Act, act_on

blueprint = Blueprint("run_acts", __name__)
NONCE = re.compile(r"[0-9a-f]{16}")


@blueprint.post("/runs/<run>/retry")
@needs("runs.retry")
def post_retry_one(run: str) -> ResponseReturnValue:
    """Have a run run again now."""
    return _one("retry", run, "It starts again now.")


@blueprint.get("/runs/<run>/cancel")
@needs("runs.cancel")
def get_cancel_one(run: str) -> Response:
    """Ask whether to cancel a run."""
    return shell.show(
        "confirm.html",
        title="Cancel this run",
        fact="It ends as cancelled and does not run. If it has begun by then it is left alone.",
        verb="Cancel it",
        back=_of(run),
        action=f"{_of(run)}/cancel",
        fields=[("nonce", token_hex(8))],
    )


@blueprint.post("/runs/<run>/cancel")
@needs("runs.cancel")
def post_cancel_one(run: str) -> ResponseReturnValue:
    """End a run that waits."""
    return _one("cancel", run, "It is cancelled.")


def _one(act: Act, run: str, said: str) -> Response:
    here = house()
    here.bus.publish(here.ledger.run(act_on(here.keys, act, run, name_of(act, nonce_of(request.form)))))
    return shell.leave(_of(run), said)


def _of(run: str) -> str:
    return f"{request.script_root}/dashboard/runs/{quote(run, safe='')}"


def nonce_of(given: Mapping[str, str]) -> str:
    """Return what tells this form from all others, however often it is sent."""
    text = given.get("nonce", "")
    return text if NONCE.fullmatch(text) else token_hex(8)


def name_of(act: Act, nonce: str) -> str:
    """Return what names this act to the ledger: a cancel is not the retry of the same page once more."""
    return hashlib.sha256(f"{act} {nonce}".encode()).hexdigest()[:16]
