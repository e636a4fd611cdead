"""The first page: what it shows, as a frozen record, and how it becomes HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask import Blueprint, Response, render_template

from core.web import view
from core.web.view import Row

SHOWN = 15  # events and runs on the page; more is what lists with filters are for
LISTED = 30  # schedules and processes before the page says how many more there are
LIVE_EVERY = 5  # seconds between two loads of a live page

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

blueprint = Blueprint(
    "carillon",
    __name__,
    static_folder="static",
    static_url_path="/static/carillon",
    template_folder="templates",
)


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the first page shows; rows are shaped as the HTTP API gives them, newest first.

    ``ledger`` says what answered (``Valkey 9.1, answers in 0.2 ms``) and is None where nothing did.
    ``alerts`` are sentences: the fact first, then what to do. ``memory`` and ``memory_limit`` are bytes.
    ``live`` makes the page load itself again; a reader asks for that, it is never the default.
    """

    environment: str
    ledger: str | None
    events: Sequence[Row] = ()
    runs: Sequence[Row] = ()
    schedules: Sequence[Row] = ()
    workers: Sequence[Row] = ()
    beats: Sequence[Row] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    alerts: Sequence[str] = ()
    memory: int | None = None
    memory_limit: int | None = None
    live: bool = False

    @property
    def untouched(self) -> bool:
        """Whether nothing has rung yet, so that the page teaches instead."""
        return self.ledger is not None and not (self.events or self.runs or any(self.counts.values()))

    @property
    def slots(self) -> int:
        """Return how many runs all workers together can hold at once."""
        return sum(worker.get("concurrency") or 0 for worker in self.workers)


def render(overview: Overview, now: datetime) -> str:
    """Return the page; times are told in the zone of *now*. Wants a request context."""
    return render_template(
        "carillon/first.html" if overview.untouched else "carillon/overview.html",
        page=overview,
        now=now,
        view=view,
        shown=SHOWN,
        listed=LISTED,
        live_every=LIVE_EVERY,
    )


def security_headers(response: Response) -> Response:
    """Set what a browser must know before it trusts a page that shows strangers' words."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
