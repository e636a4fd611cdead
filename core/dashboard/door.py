"""The door of the dashboard: who may in, signing in and out."""

import hmac

from flask import Blueprint, Response, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from core.dashboard import shell
from core.dashboard.access import access_of, doors
from core.dashboard.visit import Visit, proof
from core.errors import CoreError
from core.house import house
from core.ledger.tries import tried, tries
from core.web.problems import Problem

blueprint = Blueprint("door", __name__)
MOST_TRIES, TRIES_TIME = 10, 60  # failed tries from one address, in so many seconds
HOOK = "DASHBOARD_ACCESS"
OPEN = ("carillon.door.get_login", "carillon.door.post_login", "carillon.static")


class TooManyTries(CoreError):
    """Too many wrong secrets came from this address. Wait a minute, then sign in."""


def attend() -> ResponseReturnValue | None:
    """Find out who is calling; send whoever is not known to the door."""
    g.access = access_of(request, g.visit, house().config, current_app.config.get(HOOK))
    if g.access is not None or request.endpoint in OPEN:
        return None
    if "Authorization" in request.headers:
        raise Problem("unauthenticated", "The dashboard opens to Authorization: Bearer <API_TOKEN>, or signed in.")
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("carillon.door.get_login", next=back), 303)


@blueprint.get("/login")
def get_login() -> Response:
    """Show the door."""
    return shell.show("login.html", back=local(request.args.get("next", "")))


@blueprint.post("/login")
def post_login() -> ResponseReturnValue:
    """Let in whoever knows a token or password."""
    here, back = house(), local(request.form.get("next", ""))
    address = request.remote_addr or "unknown"
    if here.ledger.run(tries(here.keys, address)) >= MOST_TRIES:
        raise TooManyTries(TooManyTries.__doc__)
    given = request.form.get("secret", "").strip().encode("utf-8", "replace")
    known = [way for way in doors(here.config) if hmac.compare_digest(given, way[1].encode("utf-8", "surrogateescape"))]
    if not known:
        here.ledger.run(tried(here.keys, address, TRIES_TIME))
        wrong = "That is neither the token nor the password of this dashboard. Nothing else was changed."
        return shell.show("login.html", status=401, back=back, wrong=wrong)
    who, secret, _ = known[0]
    g.visit = Visit(who=who, proof=proof(secret))
    return shell.leave(back)


@blueprint.post("/logout")
def post_logout() -> ResponseReturnValue:
    """End the visit."""
    g.visit = Visit(said="You are signed out.")
    return shell.leave(url_for("carillon.door.get_login"))


def local(path: str) -> str:
    """Return *path* if it is a page of ours, else the first page: a link to the door leads nowhere else."""
    first = request.script_root + "/"
    odd = any(ord(character) < 33 or character == "\\" for character in path)
    return path if (path == first or path.startswith(f"{first}dashboard")) and not odd else first
