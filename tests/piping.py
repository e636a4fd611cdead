"""An application of a test's own handlers, with the few moves that tests of the run pipeline make."""

import invariants
from flask import Flask

from core.events import Event
from core.house import house
from core.ledger.running import recover
from core.ledger.views import run_view


class Pipe:
    """An application, a way to say that something happened, and to follow its runs."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.house = house(app)
        self.runner = self.house.runner
        self.subject = next(iter(self.house.catalog.tasks.values())).function.__globals__

    @property
    def ledger(self):
        return self.house.ledger

    @property
    def keys(self):
        return self.house.keys

    def emit(self, event_type: str = "asked", **data) -> list[str]:
        """Emit an event; returns its runs."""
        from core import emit

        with self.app.app_context():
            receipt = emit(self.house.catalog.event(event_type, data) if event_type else Event(**data))
        return [run for run, _ in receipt.runs]

    def enqueue(self, function: str, **arguments) -> str:
        from core import enqueue

        with self.app.app_context():
            [(run, _)] = enqueue(self.subject[function], **arguments).runs
        return run

    def follow(self, run: str) -> dict:
        """Execute the run; returns its view."""
        self.runner.execute(run)
        return self.view(run)

    def tried(self, event_type: str = "asked", **data) -> dict:
        """Emit an event with one handler and execute its run; returns the run's view."""
        [run] = self.emit(event_type, **data)
        return self.follow(run)

    def view(self, run: str) -> dict:
        self.runner.notes.flush(5)
        return self.ledger.run(run_view(self.keys, run))

    def ripen(self, run: str) -> None:
        """Let a run that waits become pending, as the sweeper would in time."""
        self.ledger.client.zadd(self.keys.due, {run: 0}, xx=True)
        self.ledger.run(recover(self.keys, {run: False}, trusted=False))

    def hold(self) -> None:
        invariants.hold(self.ledger.client, self.keys)
