"""Fencing tokens: which attempt holds a run. All they need is to differ, among all processes and for ever."""

import os
import secrets
from itertools import count


class Tokens:
    """Makes tokens: random digits of this process, and a number. The system is asked for randomness once."""

    def __init__(self) -> None:
        self._own = (0, "", count())

    def new(self) -> str:
        """Return a token that no other process has; a forked child starts anew."""
        own = self._own
        if own[0] != os.getpid():  # two threads that come here at once have different digits each
            own = self._own = (os.getpid(), secrets.token_hex(8), count())
        _, start, number = own
        return f"{start}.{next(number):x}"
