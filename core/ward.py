"""Suspects: runs that were going on when their worker died. Each is tried alone, in a child process.

A dead worker charges nobody, for it ran many runs at once. A child runs one run, so its death tells who did it, and
the worker around it stays alive.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from core import moments
from core.mishaps import crashed
from core.nursery import Nursery
from core.tasks import Runner

CHILDREN = 16  # at most, at the same time
START_AGAIN = 5.0  # seconds until a nursery that could not start is tried again


@dataclass
class Ward:
    """The suspects of one worker. *start* starts the process that forks a child for each; *first* is running."""

    runner: Runner
    start: Callable[[], Nursery]
    first: Nursery | None = None
    stopping: bool = False
    _waiting: deque[str] = field(default_factory=deque)
    _going: dict[str, str] = field(default_factory=dict)  # token -> run
    _nursery: Nursery | None = None
    _serving: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, run: str) -> None:
        """Have a suspect run as soon as there is room; a run that is here already is not taken twice."""
        with self._changed:
            if self.stopping or run in self._waiting or run in self._going.values():
                return
            self._waiting.append(run)
            self._fill()
            if not self._serving:
                self._serving = True
                threading.Thread(target=self._serve, name="carillon-ward", daemon=True).start()

    def stop(self, patience: float) -> None:
        """Take no more; give what runs *patience* seconds to end, then kill it and give it back."""
        with self._changed:
            self.stopping = True
            self._waiting.clear()
            self._changed.wait_for(lambda: not self._going, patience)
            for nursery in (self._nursery, self.first):
                if nursery:
                    nursery.kill()
            left = dict(self._going)
        self.runner.give_back(left)

    def _serve(self) -> None:
        """Keep a nursery up while there are suspects, and hear which child has ended how."""
        while self._wanted():
            nursery, self.first = self.first or self.start(), None
            begun = False
            for line in nursery.answers:
                if not begun:  # it says once that it is ready
                    begun = True
                    with self._changed:
                        self._nursery = nursery
                        self._fill()
                    continue
                token, _, status = line.partition(" ")
                self._ended(token, int(status))
            exit_status = nursery.end()
            with self._changed:
                self._nursery, orphans = None, dict(self._going)
            if not self.stopping and (orphans or not begun):
                self._lost(orphans, exit_status)

    def _wanted(self) -> bool:
        with self._changed:
            self._serving = bool(self._waiting or self._going) and not self.stopping
            return self._serving

    def _fill(self) -> None:
        while self._nursery and self._waiting and len(self._going) < CHILDREN:
            run, token = self._waiting.popleft(), secrets.token_hex(8)
            self._going[token] = run
            self._nursery.order(run, token)

    def _ended(self, token: str, status: int) -> None:
        """A child has ended, and if its run had not, it pays for it; a run that had ended is not concerned."""
        run = self._going[token]
        if not self.stopping:
            crashed(self.runner, run, _how(status), token)
        with self._changed:
            self._going.pop(token, None)
            self._fill()
            self._changed.notify_all()

    def _lost(self, orphans: dict[str, str], status: int) -> None:
        """The nursery has died: nobody knows whose fault that was."""
        moments.trouble.send(self.runner.app, what="the process that runs suspects", error=_how(status))
        self.runner.give_back(orphans)
        with self._changed:
            for token in orphans:
                self._going.pop(token, None)
            self._changed.notify_all()
        self.runner.stopping.wait(START_AGAIN)


def _how(status: int) -> str:
    return f"its process was killed by signal {-status}" if status < 0 else f"its process ended with status {status}"
