"""The work that all adapters do: two handlers for each event, each writing evidence before and after."""

import os
import signal
import threading

from benchmarks.chaos.evidence import write

HANDLERS = ("first", "second")


def perform(run: str, event: str, handler: str, attempt: int, milliseconds: int, how: str) -> None:
    """Wait as long as the event says; *how* ``kill`` makes the first handler kill its process, as a poison would."""
    write(run, event, handler, attempt, "start")
    if how == "kill" and handler == HANDLERS[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait(milliseconds / 1000)
    write(run, event, handler, attempt, "end")
