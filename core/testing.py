"""What a test of your own handlers needs: an application on a real server, and a way to run what it recorded.

Nothing is faked: events and runs go through a real ledger in the embedded Valkey, in their real wire format. Only
the worker is missing; ``drain`` does its work, when the test says so, in the test's own process.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask

from core.app import create_app
from core.config import Config, celery_url
from core.embedded import running
from core.house import house
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.listing import EventFilter, Page, RunFilter, list_events, list_runs
from core.ledger.views import event_view, run_view

MEMORY = 256 * 1024 * 1024
API_TOKEN = "test-token"  # noqa: S105 - the token of applications made here
WEBHOOK_SECRET = "test-secret"  # noqa: S105 - as above, for /hooks/github


@contextmanager
def server() -> Iterator[str]:
    """Run an embedded server on a private folder for a ``with`` block; gives its URL."""
    with tempfile.TemporaryDirectory(prefix="carillon-") as folder, running(Path(folder), MEMORY) as url:
        yield url


@contextmanager
def application(
    url: str | None = None, *, packages: Sequence[str] = ("handlers", "schedules"), **changes: Any
) -> Iterator[Flask]:
    """Build the application for a ``with`` block, on the server at *url* or on one of its own.

    *changes* are fields of ``Config``, e.g. ``prefix="two"``: applications with different prefixes on one server
    do not see each other.
    """
    if url is None:
        with server() as own, application(own, packages=packages, **changes) as app:
            yield app
        return
    app = create_app(config(url, **changes), packages=packages)
    app.testing = True
    try:
        yield app
    finally:
        house(app).close()


def config(url: str, **changes: Any) -> Config:
    """Return a configuration for tests on the server at *url*."""
    plain = Config(
        env="development",
        redis_url=url,
        broker_url=celery_url(url),
        result_backend=celery_url(url),
        keys=("test-key",),
        api_token=API_TOKEN,
        webhook_secrets={"github": (WEBHOOK_SECRET,)},
    )
    return replace(plain, **changes)


def drain(app: Flask, *, limit: int = 1000) -> list[dict[str, Any]]:
    """Run every pending run of *app*, and those that they bring about; returns them as the API shows them.

    Runs that wait for a later time (delayed ones, retries) stay where they are.

    Raises:
        AssertionError: *limit* runs did not bring it to an end.
    """
    here, done = house(app), []
    while pending := here.ledger.run(_pending(here.keys)):
        for run in pending:
            here.runner.execute(run)
            done.append(run)
            if len(done) > limit:
                raise AssertionError(
                    f"{limit} runs were run and there are still pending ones: do handlers go in circles?"
                )
    return [view for run in done if (view := here.ledger.run(run_view(here.keys, run)))]


def fire_due(app: Flask, now: datetime) -> None:
    """Fire what the schedules of *app* have due at *now*, as beat would; store first what code declares."""
    clockwork = house(app).clockwork
    clockwork.add_missing(now)
    clockwork.tick(now)


def runs(app: Flask, **filters: Any) -> list[dict[str, Any]]:
    """Return the recorded runs, newest first; *filters* are states, task, event, schedule and queue."""
    here = house(app)
    found, _ = here.ledger.run(list_runs(here.keys, RunFilter(**filters), Page(limit=500)))
    return found


def events(app: Flask, **filters: Any) -> list[dict[str, Any]]:
    """Return the recorded events with their data, newest first; *filters* are type, source and subject."""
    here = house(app)
    found, _ = here.ledger.run(list_events(here.keys, EventFilter(**filters), Page(limit=500)))
    return [view for event in found if (view := here.ledger.run(event_view(here.keys, event["id"])))]


def _pending(keys: Keys) -> Flow[list[str]]:
    [found] = yield [("ZRANGE", keys.state("pending"), 0, -1)]
    return [run.decode() for run in found]
