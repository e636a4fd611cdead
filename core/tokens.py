"""Fencing tokens: which attempt holds a run. All they need is to differ, among all processes and for ever."""

import os
import secrets
from itertools import count


class Tokens:
    """Makes tokens: random digits of this process, and a number. The system is asked for randomness once."""

    def __init__(self) -> None:
        self._pid = 0
        self._start = ""
        self._number = count()

    def new(self) -> str:
        """Return a token that no other process has; a forked child starts anew."""
        if self._pid != os.getpid():
            self._pid, self._start, self._number = os.getpid(), secrets.token_hex(8), count()
        return f"{self._start}.{next(self._number):x}"
