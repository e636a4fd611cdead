"""For a server that is silent: who asks next is told so at once, until one question is answered again."""

from dataclasses import dataclass
from typing import Self

from redis.exceptions import TimeoutError as RedisTimeout

from core.clock import monotonic
from core.errors import LedgerUnavailable

REST = 0.5  # seconds until a silent server is asked again, by one at a time


@dataclass
class Breaker:
    """Lets questions through, or refuses them at once while the server is known to be silent.

    Without it each caller would wait for itself, and behind the callers who wait before it.
    """

    _silent: bool = False
    _asking: bool = False
    _since: float = 0.0

    @property
    def silent(self) -> bool:
        """Whether the last question had no answer."""
        return self._silent

    def asked(self) -> Self:
        """Ask the server within a ``with`` block.

        Raises:
            LedgerUnavailable: it did not answer a moment ago.
        """
        if self._silent and (self._asking or monotonic() - self._since < REST):
            raise LedgerUnavailable("The ledger did not answer a moment ago, so it was not asked again. Try again.")
        self._asking = self._silent
        return self

    def __enter__(self) -> None:
        """Do nothing: ``asked`` did it."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, TimeoutError | RedisTimeout):
            self._silent, self._since = True, monotonic()
        elif error is None:
            self._silent = False
        self._asking = False
