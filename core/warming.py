"""The first emit of a web process is as fast as the next: what it needs is got ready while the process starts."""

import threading
from contextlib import suppress

from flask import Flask

from core.clock import monotonic
from core.errors import CoreError
from core.house import House, house
from core.ledger.flow import Flow, source
from core.ledger.running import Hint


def warm(app: Flask) -> threading.Thread:
    """Get connections, the accept script and the forms of messages ready, on a thread of its own; returns that.

    A ledger that is away is no trouble here: the first emit then does all of this itself, or says what is wrong.
    Not for a process that will fork: what is connected here must not be shared.
    """
    thread = threading.Thread(target=_warm, args=(house(app),), name="carillon-warming", daemon=True)
    thread.start()
    return thread


def _warm(here: House) -> None:
    bus, tasks = here.bus, here.catalog.tasks.values()
    if bus.outgoing:
        bus.outgoing([Hint("", task.options.queue, task.options.priority) for task in tasks])
    with suppress(CoreError):
        bus.ledger.run(_asked(here))
        bus.durability.ask()
        here.loop.run(here.async_ledger.run(_asked(here)))


def _asked(here: House) -> Flow[None]:
    """Load the accept script, and learn what there is room for."""
    yield [("SCRIPT", "LOAD", source("accept")[0])]
    yield from here.bus.admission.check(here.keys, monotonic())
