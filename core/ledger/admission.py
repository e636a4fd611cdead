"""Whether the ledger has room for more: it stops taking work before its server is full, or nothing could drain.

At ``FULL`` of the memory limit nothing new is accepted, until use has fallen below ``ROOM``.
"""

from dataclasses import dataclass
from typing import Any

from core.errors import BacklogFull, LedgerNewer
from core.ledger.flow import Flow
from core.ledger.format import refuse_newer
from core.ledger.keys import Keys

FULL, ROOM = 0.80, 0.75
ASK_EACH = 1.0  # seconds
SOONEST, LATEST = 1, 300  # seconds of Retry-After


@dataclass(frozen=True)
class Use:
    """How much of its memory the server uses, in bytes."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 0.0


def use_of(info: dict[str, Any], limit: int) -> Use:
    """Return the use that ``INFO memory`` tells; *limit* counts where the server has no maxmemory."""
    uncounted = int(info.get("mem_not_counted_for_evict", 0))
    return Use(int(info["used_memory"]) - uncounted, int(info.get("maxmemory") or 0) or limit)


@dataclass
class Admission:
    """What this process knows of the room that is left: asked once a second, by whoever comes first.

    *memory* is the limit in bytes for a server without maxmemory, *backlog* the most runs that may be open.
    """

    memory: int
    backlog: int
    _asked: float = -ASK_EACH
    _full: str = ""  # why nothing is accepted
    _open: int = 0
    _drained: float = 0.0  # runs a second, lately

    def check(self, keys: Keys, at: float) -> Flow[None]:
        """Refuse where there is no room at monotonic time *at*.

        Raises:
            BacklogFull: with ``retry_after``, the seconds until there may be room.
            LedgerUnavailable: the ledger was written by a newer release.
        """
        since, asked = at - self._asked, self._asked >= 0
        if since >= ASK_EACH:
            self._asked = at
            [memory, waiting, number] = yield [("INFO", "memory"), ("ZCARD", keys.due), ("GET", keys.format)]
            try:
                refuse_newer(number)
            except LedgerNewer:
                self._asked = -ASK_EACH
                raise
            self._learn(use_of(memory, self.memory), waiting, since if asked else 0.0)
        if self._full:
            raise BacklogFull(f"{self._full} Nothing was recorded; try again later.", self._retry_after())

    def _learn(self, use: Use, waiting: int, since: float) -> None:
        if since:
            self._drained = 0.7 * self._drained + 0.3 * max(self._open - waiting, 0) / since
        self._open = waiting
        if use.share >= FULL or (use.share >= ROOM and self._full):
            self._full = f"The ledger uses {use.share:.0%} of its memory; from {FULL:.0%} on it takes no more work."
        else:
            self._full = ""

    def _retry_after(self) -> int:
        """Return the seconds in which a tenth of what is open drains at the present rate."""
        seconds = self._open / 10 / self._drained if self._drained else 30
        return round(min(max(seconds, SOONEST), LATEST))
