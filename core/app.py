"""create_app(): the one place that puts the rooms together."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask

from core import cli, engines, moments, queue, worker
from core.background import Background
from core.bus import Bus, Known
from core.catalog import Catalog
from core.causes import Keyring
from core.chores import with_chores
from core.clockwork import Clockwork
from core.config import ROOT, Config
from core.dashboard import routes as pages
from core.deaths import Deaths
from core.entries import Layout
from core.foresight import Foresight
from core.house import House
from core.household import WORKER_PATIENCE, attend
from core.ledger.admission import Admission
from core.ledger.keys import Keys
from core.ledger.running import Hint
from core.ledger.server import durability
from core.ledger.sharing import SharedLedger
from core.ledger.store import AsyncLedger, Ledger
from core.loader import load
from core.log import celery_logs_here, listen
from core.loop import Loop
from core.missed import Missed
from core.moving import Mover
from core.notes import Said, keep_notes
from core.plain import Plain
from core.results import Results
from core.sending import with_sending
from core.statics import tasks_of
from core.tasks import Runner
from core.watch import Watch, doing, note_views
from core.web import routes
from core.web.sessions import Sessions


class Application(Flask):
    """Flask, with all async views on one persistent event loop."""

    session_interface = Sessions()

    def __init__(self, *args: Any, loop: Loop, **kwargs: Any) -> None:
        self.loop = loop
        super().__init__(*args, **kwargs)

    def async_to_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return self.loop.sync(func)


def create_app(config: Config | None = None, *, packages: Sequence[str] = ("handlers", "schedules")) -> Flask:
    """Return the application: Flask app, Celery app and ledger, with what *packages* declare.

    Raises:
        ConfigError, DeclarationError: naming every problem at once.
    """
    config = config or Config.from_env()
    engines.check(config)
    catalog = with_sending(with_chores(load(packages), config))
    app = _flask(config)
    house = _house(app, config, catalog)
    app.extensions["carillon"] = house
    app.extensions["redis"] = house.ledger.client
    house.bus.connect()
    listen(app)
    for note in config.notes:
        moments.configured.send(app, note=note)
    celery_logs_here()
    attend(house)
    _look_after(app, config, packages)
    routes.register(app, house)
    pages.register(app)
    cli.register(app)
    for blueprint in catalog.blueprints:
        app.register_blueprint(blueprint)
    for setup in catalog.setups:
        setup(app)
    return app


def _flask(config: Config) -> Application:
    app = Application("carillon", root_path=str(ROOT), loop=Loop())
    app.config.from_mapping(
        SECRET_KEY=config.keys[0],
        SECRET_KEY_FALLBACKS=list(config.keys[1:]),
        REDIS_URL=config.redis_url,
        DATABASE_URL=config.database_url,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=not config.development,
        CELERY={},
    )
    app.config.from_prefixed_env()
    return app


def _house(app: Application, config: Config, catalog: Catalog) -> House:
    keys, keyring = Keys(config.prefix), Keyring(config.keys)
    ledger = Ledger(config.redis_url, breaker=True)
    async_ledger = AsyncLedger(config.redis_url, app.loop.carry)
    celery = queue.make_celery(app, config, catalog, app.loop)
    publisher: Background[Hint] = Background(
        "carillon-publisher",
        partial(queue.publish, app, config),
        partial(_unpublished, app),
    )
    bus = Bus(
        app=app,
        catalog=catalog,
        keys=keys,
        keyring=keyring,
        ledger=_accepting(config),
        async_ledger=async_ledger,
        loop=app.loop,
        publish=publisher.put,
        admission=Admission(config.ledger_memory, config.backlog_limit),
        durability=Known(partial(durability, ledger.client)),
        synced=config.durability == "fsync",
        outgoing=queue.beside_ledger(celery, config),
    )
    deaths = Deaths(catalog=catalog, keys=keys, keyring=keyring, gather=bus.gather)
    runner = Runner(
        app=app,
        catalog=catalog,
        keys=keys,
        keyring=keyring,
        ledger=Ledger(config.redis_url, patience=WORKER_PATIENCE),
        shared=AsyncLedger(config.redis_url, app.loop.carry, patience=WORKER_PATIENCE, breaker=False),
        loop=app.loop,
        notes=_notes(app, ledger, keys),
        publish=publisher.put,
        deaths=deaths,
        worker=worker.new_id(),
    )
    layout = Layout(prefix=queue.redbeat_prefix(config), keys=keys, keyring=keyring)
    missed = Missed(catalog=catalog, gather=bus.gather)
    mover = Mover(catalog=catalog, layout=layout, gather=bus.gather, missed=missed, outgoing=bus.outgoing)
    clockwork = Clockwork(
        app=app,
        catalog=catalog,
        layout=layout,
        ledger=ledger,
        mover=mover,
        foresight=Foresight(layout, ledger, mover),
        plain=Plain(celery=celery, catalog=catalog, allowed=[*config.redbeat_tasks, *tasks_of(celery)]),
        publish=publisher.put,
    )
    return House(
        app=app,
        config=config,
        catalog=catalog,
        keys=keys,
        layout=layout,
        ledger=ledger,
        async_ledger=async_ledger,
        loop=app.loop,
        bus=bus,
        runner=runner,
        clockwork=clockwork,
        mover=mover,
        celery=celery,
        results=Results(celery),
        publisher=publisher,
    )


def _accepting(config: Config) -> Ledger:
    """Return what records on threads: together, unless each record waits for the disk; those would wait in turn."""
    kind = Ledger if config.durability == "fsync" else SharedLedger
    return kind(config.redis_url, breaker=True)


def _notes(app: Flask, ledger: Ledger, keys: Keys) -> Background[Said]:
    return Background(
        "carillon-notes",
        partial(keep_notes, ledger, keys),
        partial(_unkept, app),
    )


def _unpublished(app: Flask, count: int, error: Exception) -> None:
    moments.publish_failed.send(app, count=count, error=error)


def _unkept(app: Flask, count: int, error: Exception) -> None:
    moments.trouble.send(app, what=f"{count} notes of runs were not kept", error=error)


def _look_after(app: Application, config: Config, packages: Sequence[str]) -> None:
    """Tell of what did not end when the loop stopped and, in development, of what blocks it."""

    def stuck(what: str) -> None:
        moments.trouble.send(app, what=f"{what} did not end when it was cancelled", error="it is left behind")

    def blocked(who: str, where: str, seconds: float) -> None:
        moments.blocked.send(app, who=who or "something", where=where, seconds=seconds)

    app.loop.stuck = stuck
    if config.development:
        files = [file for package in packages if (file := sys.modules[package].__file__)]
        folders = [Path(file).parent.parent for file in files]
        app.loop.watched = Watch([ROOT, *folders], doing, blocked).begin
        note_views(app)
