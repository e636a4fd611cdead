"""All rooms of one application, put together: what ``app.extensions["carillon"]`` holds."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Flask, current_app

from core.background import Background
from core.bus import Bus, Receipt
from core.catalog import Catalog
from core.clockwork import Clockwork
from core.config import Config
from core.entries import Layout
from core.ledger.counters import Past
from core.ledger.keys import Keys
from core.ledger.running import Hint
from core.ledger.store import AsyncLedger, Ledger
from core.loop import Loop
from core.moving import Mover
from core.replaying import Wanted, check_key, replay
from core.results import Results
from core.tasks import Runner

if TYPE_CHECKING:
    from celery import Celery


@dataclass(frozen=True, kw_only=True)
class House:
    """The parts that views, commands, worker and beat work with."""

    app: Flask
    config: Config
    catalog: Catalog
    keys: Keys
    layout: Layout
    ledger: Ledger
    async_ledger: AsyncLedger
    loop: Loop
    bus: Bus
    runner: Runner
    clockwork: Clockwork
    mover: Mover
    celery: "Celery"
    results: Results
    publisher: Background[Hint]
    past: Past = field(default_factory=dict)

    def flush(self, timeout: float) -> None:
        """Wait until hints are published and notes kept, at most *timeout* seconds for each."""
        self.publisher.flush(timeout)
        self.runner.notes.flush(timeout)

    def replay(self, wanted: Wanted) -> Receipt:
        """Accept the new event that *wanted* asks for; raises as ``replaying.replay`` and ``check_key`` do."""
        cause, requests = self.ledger.run(replay(self.keys, self.bus.keyring, self.catalog, wanted))
        receipt = self.bus.emit(cause, requests, wanted.key)
        check_key(wanted, cause, receipt.id)
        return receipt

    def execute_alone(self, run: str, token: str) -> None:
        """Run *run* under *token* in a process that ends then."""
        self.runner.execute(run, token)
        self.flush(2.0)

    def close(self) -> None:
        """Close connections and end the event loop; for tests."""
        with suppress(Exception):  # a server that is away has nothing left to close
            self.loop.run(self.async_ledger.close())
        self.loop.stop()
        for ledger in (self.ledger, self.bus.ledger, self.runner.ledger):
            ledger.close()


def house(app: Flask | None = None) -> House:
    """Return the house of *app*, or of the current app."""
    found: House = (app or current_app).extensions["carillon"]
    return found
