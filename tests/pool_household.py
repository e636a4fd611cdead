"""A real worker with handlers of a test's own; the test's process emits, and reads the ledger."""

import signal
import sys
import textwrap
from contextlib import contextmanager

import pytest
from piping import Pipe
from processes import COMMANDS, Clone
from redis_household import QUIET, Server
from waiting import wait_until

from core.config import celery_url
from core.testing import application


class Workplace:
    """A worker beside its server. ``pipe`` emits and reads; files in ``folder`` are shared with its handlers."""

    def __init__(self, pipe, server, clone):
        self.pipe, self.server, self.clone = pipe, server, clone
        self.folder = clone.folder / "handlers"

    @property
    def celery(self):
        return self.pipe.app.extensions["celery"]

    @property
    def worker(self):
        return self.clone.processes["worker"]

    def emit(self, kind, number=1, **data):
        """Emit events; returns their runs."""
        return [run for n in range(number) for run in self.pipe.emit(kind, **{"n": n} | data)]

    def count(self, state):
        return self.server.client.zcard(self.pipe.keys.state(state))

    def until(self, count, state, timeout=30):
        wait_until(lambda: self.count(state) == count, timeout=timeout, what=f"{count} runs are {state}")

    def ended(self, run, timeout=30):
        """Wait until the run's attempt has ended; returns its view."""
        states = ("succeeded", "retrying", "dead", "discarded")
        return wait_until(
            lambda: (view := self.pipe.view(run))["state"] in states and view,
            timeout=timeout,
            what=f"{run} has ended; it is {self.pipe.view(run)}",
        )

    def ask(self, kind, timeout=30, **data):
        """Emit an event with one handler; returns the view of its run when its attempt has ended."""
        [run] = self.emit(kind, **data)
        return self.ended(run, timeout)

    def lines(self, file):
        """Return the lines that handlers wrote."""
        path = self.folder / file
        return path.read_text().splitlines() if path.exists() else []

    def start(self):
        self.clone.start("worker")
        return self.worker

    def stop(self, timeout=25, number=signal.SIGTERM):
        """Stop the worker; returns its exit status."""
        worker = self.clone.processes.pop("worker")
        worker.send_signal(number)
        return worker.wait(timeout)

    def log(self):
        return self.clone.log("worker")


@contextmanager
def workplace(folder, subject, source, *words, plain="", broker="", prefix="pool", **environment):
    """Start a server, and a worker with *source* as handlers and *words* on its command line.

    *plain* is a module of plain tasks, which only the worker imports.
    """
    module = f"{subject}_subject"
    server = Server(folder / "data")
    clone = Clone(folder / "house", server.url, handlers__plain=plain, **{f"handlers__{subject}": source})
    clone.environment |= {"CARILLON_PREFIX": prefix, "CELERY_BROKER_URL": broker} | environment
    (folder / f"{module}.py").write_text(textwrap.dedent(source))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(COMMANDS, "worker", [*COMMANDS["worker"], *QUIET, *words])
        patch.syspath_prepend(str(folder))
        server.start()
        try:
            server.ready()
            options = {"prefix": prefix, "keys": ("process-key",), "broker_url": celery_url(broker or server.url)}
            with application(server.url, packages=(module,), **options) as app:
                made = Workplace(Pipe(app), server, clone)
                made.start()
                yield made
        finally:
            for name in list(clone.processes):
                clone.kill(name)
            server.kill()
            sys.modules.pop(module, None)
