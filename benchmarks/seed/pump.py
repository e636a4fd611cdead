"""Sends what flows ask in large pipelines, each part of it at a time of its own, and does not wait for the answers."""

from typing import Any

from benchmarks.seed.dated import Dial
from core.ledger.flow import Flow, Script
from core.ledger.store import Ledger

MOST = 400  # commands in one pipeline


class Pump:
    """Gathers commands. *sent* is how many there were."""

    def __init__(self, ledger: Ledger, dial: Dial) -> None:
        self._ledger, self._dial = ledger, dial
        self._waiting: list[Any] = []
        self.sent = 0

    def at(self, ms: int) -> None:
        """Set the clock for what is asked next."""
        self.ask_plainly(self._dial.command(ms))

    def ask(self, flow: Flow[Any]) -> None:
        """Take the first commands of *flow*; it never learns the answers, so it must need none of them."""
        for command in next(flow):
            self.ask_plainly(command.command() if isinstance(command, Script) else command)
        flow.close()

    def ask_plainly(self, command: Any) -> None:
        """Take a command as it is."""
        self._waiting.append(command)

    def flush(self, least: int = 1) -> None:
        """Send what waits, if that is at least so much.

        Raises:
            RuntimeError: the server refused something, or a script did.
        """
        if len(self._waiting) < least:
            return
        for answer in self._ledger.cable.send(self._waiting):
            if isinstance(answer, Exception) or b"ERROR" in str(answer).encode():
                raise RuntimeError(f"the server refused: {answer}")
        self.sent += len(self._waiting)
        self._waiting = []
