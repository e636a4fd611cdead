"""Tokens: which attempt holds a run, which call recorded an event. They differ among all processes and for ever.

The system is asked for randomness once a process: each time it lets all other threads go first.
"""

import os
import secrets
from itertools import count


class Tokens:
    """Makes tokens: random digits of this process, and a number."""

    def __init__(self) -> None:
        self._own = (0, "", count())

    def new(self) -> str:
        """Return a token that no other process has; a forked child starts anew."""
        own = self._own
        if own[0] != os.getpid():  # two threads that come here at once have different digits each
            own = self._own = (os.getpid(), secrets.token_hex(8), count())
        _, start, number = own
        return f"{start}.{next(number):x}"

    def brief(self) -> str:
        """Return 8 hexadecimal digits that this process gives only once, and another hardly ever."""
        start, _, number = self.new().partition(".")
        return f"{(int(start[:8], 16) + int(number, 16)) & 0xFFFFFFFF:08x}"

    def digits(self) -> str:
        """Return 32 hexadecimal digits that no other process has."""
        start, _, number = self.new().partition(".")
        return f"{start}{number:>016}"
