"""What all pages have around them: the bar, the footer, the headers, the way back after an act."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, g, make_response, redirect, render_template, request

from core.clock import monotonic, now
from core.dashboard import view
from core.dashboard.access import allows
from core.dashboard.forms import FIELD
from core.dashboard.visit import Cookie, Visit, form_token
from core.errors import BacklogFull, LedgerUnavailable
from core.house import house
from core.ledger.admission import use_of
from core.ledger.flow import Flow
from core.ledger.keys import FAILED, Keys

STATIC = Path(__file__).parent / "static"
LIVE_EVERY = 3  # seconds between two looks of a live page
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGES = (  # path, word in the bar
    ("/", "Overview"),
    ("/dashboard/events", "Events"),
    ("/dashboard/runs", "Runs"),
    ("/dashboard/schedules", "Schedules"),
    ("/dashboard/queues", "Queues"),
    ("/dashboard/workers", "Workers"),
    ("/dashboard/webhooks", "Webhooks"),
    ("/dashboard/doctor", "Doctor"),
)


def local_now() -> datetime:
    """Return the current instant in the zone in which pages tell times."""
    return now().astimezone(local_zone())


def local_zone() -> ZoneInfo:
    """Return the zone in which pages tell times."""
    return ZoneInfo(house().config.dashboard_timezone)


def show(
    template: str,
    *,
    status: int = 200,
    live: bool = False,
    moment: datetime | None = None,
    wrong: str = "",
    own_search: bool = False,
    **page: Any,
) -> Response:
    """Return the page that *template* makes of *page*, with its surroundings.

    *live* pages look for news by themselves unless the reader has stopped it. *moment* is the instant that the page
    tells of, by default now. *wrong* says what is wrong with what the reader gave; a page with its *own_search* has
    none in the bar.
    """
    here = house()
    said, g.visit = g.visit.said, g.visit.saying("")
    text = render_template(
        f"carillon/{template}",
        view=view,
        now=moment or local_now(),
        root=request.script_root,
        pages=[(path, word, current(path)) for path, word in PAGES],
        shell=surroundings(),
        environment=here.config.env,
        is_live=live and request.args.get("live") != "off",
        can_live=live,
        live_every=LIVE_EVERY,
        may=lambda act: g.access is not None and allows(g.access, act),
        signed_in=bool(g.visit.who),
        said=said,
        form_field=FIELD,
        form_token=form_token(here.config.keys, g.visit),
        asset=asset,
        took=lambda: round((monotonic() - g.begun) * 1000),
        wrong=wrong,
        own_search=own_search,
        **page,
    )
    response = make_response(text, status)
    if said or g.new_visit:
        g.cookie.write(response, g.visit)
    return response


def current(path: str) -> bool:
    """Tell whether *path* is the page that is shown, or the one above it."""
    return request.path == path or (path != "/" and request.path.startswith(f"{path}/"))


def leave(path: str, said: str = "") -> Response:
    """Send the browser on to *path* after an act; the page there says *said*."""
    g.visit = g.visit.saying(said) if said else g.visit
    response = make_response(redirect(path, 303))
    g.cookie.write(response, g.visit)
    return response


def surroundings() -> Mapping[str, Any]:
    """Return what bar and footer tell: runs that failed and the ledger's memory; nothing while it does not answer."""
    here = house()
    try:
        return here.ledger.run(_facts(here.keys, here.config.ledger_memory))
    except (LedgerUnavailable, BacklogFull):
        return {"failed": 0, "memory": 0, "memory_limit": None}


def _facts(keys: Keys, memory: int) -> Flow[dict[str, Any]]:
    *failed, info = yield [*(("ZCARD", keys.state(state)) for state in FAILED), ("INFO", "memory")]
    use = use_of(info, memory)
    return {"failed": sum(failed), "memory": use.used, "memory_limit": use.limit or None}


@cache
def asset(name: str) -> str:
    """Return what names the present content of a static file, so that browsers may keep it for long."""
    return sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def begin() -> None:
    """Note when the request began and whose visit it is, once; nobody has been let in yet."""
    if "begun" in g:
        return
    config = house().config
    g.begun = monotonic()
    g.cookie = Cookie(config.keys, secure=not config.development)
    found = g.cookie.read(request)
    g.visit, g.new_visit, g.access = found or Visit(), found is None, None


def finish(response: Response) -> Response:
    """Set what a browser must know before it trusts a page that shows strangers' words, and what it took."""
    if request.endpoint == "carillon.static":
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers["Cache-Control"] = "no-store"
        if "begun" in g:  # a query string of odd bytes is refused before
            response.headers["Server-Timing"] = f"app;dur={(monotonic() - g.begun) * 1000:.1f}"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"  # with no-referrer, forms would come from the origin "null"
    return response
