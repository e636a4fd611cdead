"""How a process leaves: what is done at its end, and what a web process does shortly before it would be killed."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from enum import IntEnum
from multiprocessing.util import Finalize
from typing import Any

NEEDED = 2.0  # seconds that a web process keeps for its end, of those its server gives it
ROUND = 0.5  # seconds between two calls


class Turn(IntEnum):
    """Who comes first at the end of a process."""

    LOG = 1
    HINTS = 2
    LOOP = 3  # the highest number


def at_exit(turn: Turn, function: Callable[..., Any], *args: Any) -> None:
    """Have *function* called when this process ends: also where ``atexit`` is not, in what multiprocessing forked.

    The processes of granian are such ones. A process that ends by ``os._exit`` calls nothing.
    """
    Finalize(None, function, args, exitpriority=turn)


def before_kill(function: Callable[[], None]) -> None:
    """In a web process that is told to stop, call *function* again and again, once its end is near.

    granian kills what has not ended so many seconds after SIGTERM or SIGINT; without such a limit, and in any other
    process, nothing is called. To be called on the main thread, before the server sets its handlers.
    """
    limit = kill_timeout(sys.argv)
    if limit is None or multiprocessing.current_process().name != "granian-worker":
        return
    hears, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)  # unlike a handler, it stays when the server sets its own
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))  # what stops a child must not be heard here
    watch = threading.Thread(
        target=_on_stop, args=(hears, max(limit - NEEDED, 0), function), name="carillon-leaving", daemon=True
    )
    watch.start()


def kill_timeout(arguments: Sequence[str]) -> float | None:
    """Return the seconds of granian's ``--workers-kill-timeout``; None where there is none."""
    words = " ".join(arguments).replace("=", " ").split()
    if "--workers-kill-timeout" not in words[:-1]:
        return None
    text = words[words.index("--workers-kill-timeout") + 1].removesuffix("s")
    return float(text) if text.isdecimal() else None


def _on_stop(hears: int, grace: float, function: Callable[[], None]) -> None:
    pause = threading.Event()
    while not {signal.SIGTERM, signal.SIGINT} & set(os.read(hears, 64)):
        pass
    pause.wait(grace)
    while True:
        function()
        pause.wait(ROUND)
