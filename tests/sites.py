"""The application as a browser meets it: on a port of 127.0.0.1, with the handlers of the shop."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from api import Api
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks.seed import PACKAGES
from core.clock import now, rfc3339
from core.house import house
from core.ledger.alive import beat
from core.testing import API_TOKEN, application
from core.timetable import load_due
from core.worker import self_description

BEAT_EACH = 5.0  # seconds between two heartbeats
PUT_OFF = 3600.0  # seconds that a schedule is put off that would be due now


@dataclass(frozen=True)
class Site:
    """A served application: where it is, and ways in for the test."""

    url: str
    app: Flask
    token: str = API_TOKEN

    @property
    def prefix(self) -> str:
        """The ledger's; another application with it sees the same."""
        return house(self.app).config.prefix

    @property
    def api(self) -> Api:
        return Api(self.app)


class Quiet(WSGIRequestHandler):
    """Answers without a line in the log."""

    def log(self, kind: str, message: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve *app* on threads of this process for a ``with`` block; gives its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(
    url: str, populate: Callable[[Flask], None] | None = None, packages: Sequence[str] = PACKAGES, **changes: object
) -> Iterator[Site]:
    """Make an application on the server at *url*, populate and serve it for a ``with`` block.

    Populated ones look alive: a worker, a sweeper and a beat say so, though no process runs anything.
    """
    changes.setdefault("prefix", f"b{uuid.uuid4().hex[:10]}")
    with application(url, packages=packages, **changes) as app:
        app.testing = False  # errors are answered, not raised
        if populate is None:
            with serving(app) as place:
                yield Site(place, app)
            return
        populate(app)
        with alive(app), serving(app) as place:
            yield Site(place, app)


@contextmanager
def alive(app: Flask) -> Iterator[None]:
    """Let a worker, a sweeper and a beat say that they are alive, for a ``with`` block; nothing is ever overdue."""
    here, done = house(app), threading.Event()
    own = self_description() | {"started": rfc3339(now() - timedelta(hours=2))}
    said = own | {"concurrency": 8, "busy": 2, "stuck": 0, "queues": here.catalog.queues()}
    spoken = {"worker": said, "sweeper": {}, "beat": own | {"leader": True}}

    def beats() -> None:
        for role, info in spoken.items():
            here.ledger.run(beat(here.keys, role, here.runner.worker, info))
        due = [entry.key for entry in here.ledger.run(load_due(here.layout, now()))]
        if due:
            here.ledger.client.zadd(here.layout.timetable, dict.fromkeys(due, now().timestamp() + PUT_OFF), xx=True)

    def go_on() -> None:
        while not done.wait(BEAT_EACH):
            beats()

    beats()
    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
