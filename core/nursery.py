"""The worker's end of the process that runs suspects (core/children.py): forked early, or started anew."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO


@dataclass
class Nursery:
    """A process that forks a child for each order, in a process group with all its children.

    ``answers`` are lines: first that it is ready, then ``token status`` for each child that has ended.
    """

    pid: int
    orders: int
    answers: IO[str]

    @classmethod
    def forked(cls, serve: Callable[[int, IO[str]], None]) -> "Nursery":
        """Fork it off this process, which has no other thread yet: it shares the application's memory.

        *serve* is called in the child with the ends of its pipes.
        """
        orders_read, orders = os.pipe()
        answers_read, answers = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            os.close(orders_read)
            os.close(answers)
            return cls(pid, orders, os.fdopen(answers_read))
        try:
            os.setpgid(0, 0)
            os.close(orders)
            os.close(answers_read)
            with os.fdopen(answers, "w") as pipe:
                serve(orders_read, pipe)
        finally:
            os._exit(0)

    @classmethod
    def spawned(cls, app: str, worker: str) -> "Nursery":
        """Start it as a new program, which loads the application that ``celery -A`` calls *app*."""
        orders_read, orders = os.pipe()
        answers_read, answers = os.pipe()
        os.set_inheritable(answers, True)
        command = [sys.executable, "-m", "core.child", app, worker, str(answers)]
        actions = [(os.POSIX_SPAWN_DUP2, orders_read, 0)]
        pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions, setpgroup=0)
        os.close(orders_read)
        os.close(answers)
        return cls(pid, orders, os.fdopen(answers_read))

    def order(self, run: str, token: str) -> None:
        with suppress(OSError):  # it has died, and its answers end
            os.write(self.orders, f"{run} {token}\n".encode())

    def kill(self) -> None:
        """Kill it with all its children."""
        for kill in (os.killpg, os.kill):  # it may not have made its group yet
            with suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)

    def end(self) -> int:
        """Kill it, and return its exit status, negative for a signal."""
        self.kill()
        os.close(self.orders)
        self.answers.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def app_argument(command: Sequence[str]) -> str:
    """Return what follows ``-A`` in Celery's command line, by default our own application."""
    for n, word in enumerate(command):
        if word in ("-A", "--app") and n + 1 < len(command):
            return command[n + 1]
        if word.startswith("--app="):
            return word.removeprefix("--app=")
    return "core.main:celery"
