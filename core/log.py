"""The only file that words log lines: it listens to the moments of a run's life."""

import logging
import os
import sys
import threading
import time
from contextlib import nullcontext
from functools import lru_cache, partial
from typing import Any, TextIO

from celery.signals import setup_logging
from flask import Flask

from core import moments
from core.leaving import Turn, at_exit
from core.redact import redacted

GATHERING = 0.1  # seconds
OURS = (
    "task",
    "run",
    "attempt",
    "seconds",
    "schedule",
    "planned",
    "state",
)  # what we say ourselves and need not redact

logger = logging.getLogger("carillon")


_shown = lru_cache(maxsize=1024)(partial(redacted, limit=300))  # busy times say the same again and again


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """Return a whole second since the epoch as a log line begins with it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class OneLine(logging.Formatter):
    """One line a record: time in UTC, level, logger, message; a traceback follows folded into the line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002 - logging's own
        return _second(int(record.created))

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


class Gathering(logging.StreamHandler[TextIO]):
    """Writes lines to standard output as they have gathered for a tenth of a second; warnings and worse at once.

    A write lets all other threads go first, so in a busy worker one write a line costs more than a small run.
    """

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self.setFormatter(OneLine())
        self._lines: list[str] = []
        os.register_at_fork(before=self.flush)
        at_exit(Turn.LOG, self.flush)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self.flush()
        elif len(self._lines) == 1:
            later = threading.Timer(GATHERING, self.flush)
            later.daemon = True
            later.start()

    def flush(self) -> None:
        """Write what has gathered."""
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("\n".join(lines) + "\n")
                self.stream.flush()


def configure(level: int = logging.INFO) -> None:
    """Send all log records to standard output, one line each."""
    handler = Gathering()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for noisy in ("celery.worker.strategy", "celery.app.trace", "kombu", "celery.redirected", "_granian"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def celery_logs_here() -> None:
    """Keep Celery from setting up logging of its own."""
    setup_logging.connect(_configured, weak=False, dispatch_uid="carillon-logging")


def _configured(**_: Any) -> None:
    configure()


def listen(app: Flask) -> None:
    """Log the moments of this app."""

    def tell(level: int, template: str) -> Any:
        def line(_: Flask, **said: Any) -> None:
            if logger.isEnabledFor(level):
                words = {name: value if name in OURS else _shown(str(value)) for name, value in said.items()}
                line = template.format(**words)  # made here: logging would look for the caller, through the whole stack
                logger.handle(logging.LogRecord(logger.name, level, "", 0, line, None, None))

        return line

    info, warning, error = logging.INFO, logging.WARNING, logging.ERROR
    lines = {
        moments.succeeded: (info, "succeeded {task} run={run} seconds={seconds:.3f}"),
        moments.retried: (warning, "retrying {task} run={run} in={delay:.5} error={error}"),
        moments.failed: (error, "dead {task} run={run} reason={reason}"),
        moments.discarded: (info, "discarded {task} run={run} reason={reason}"),
        moments.refused: (info, "passed over run={run} it is {verdict}"),
        moments.crashed: (error, "crashed {task} run={run} {how}"),
        moments.released: (info, "released run={run} because this worker stops"),
        moments.recovered: (warning, "recovered run={run} action={action}"),
        moments.overdue: (warning, "{schedule} is overdue: planned={planned}; does a beat lead?"),
        moments.led: (info, "this beat {leads}"),
        moments.ordered: (warning, "{what} was told: {order}"),
        moments.fired: (info, "{state} {schedule} planned={planned} run={run} {why}"),
        moments.publish_failed: (warning, "hints not published count={count} the sweeper will: {error}"),
        moments.listener_failed: (error, "a listener raised: {listener}: {error}"),
        moments.configured: (warning, "{note}"),
        moments.blocked: (warning, "{who} blocked the event loop for {seconds:.2f} s at {where}"),
        moments.trouble: (warning, "{what}: {error}"),
    }
    for signal, (level, template) in lines.items():
        signal.connect(tell(level, template), sender=app, weak=False)
