"""The schedules of a scenario, and their planned times, counted here and not by whoever fires them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WALL = time.time() - time.monotonic()  # what makes the evidence's times those of the wall


@dataclass(frozen=True)
class Entry:
    """A schedule that is due each time its *seconds* have passed, counted from the epoch; *cron* says the same.

    One that is due only *once* has that time, in ms, instead.
    """

    name: str
    seconds: int
    cron: str = ""
    catch_up: str = "latest"
    once: int = 0

    @property
    def members(self) -> dict[str, Any]:
        """What the API takes to make it."""
        when = {"cron": self.cron} if self.cron else {"every": self.seconds}
        return {"name": self.name, "task": "tick", "overlap": "allow", "catch_up": self.catch_up, **when}

    def due(self, after: int, until: int) -> list[int]:
        """Return the planned times after *after*, up to *until*, all ms since the epoch."""
        if self.once:
            return [self.once] if after < self.once <= until else []
        step = self.seconds * 1000
        return list(range(after // step * step + step, until + 1, step))


FIRST = Entry("first", 1)  # of each scenario: when it has fired, everything is there


def several(count: int, seconds: Sequence[int], prefix: str = "e", **more: Any) -> list[Entry]:
    """Return *count* entries that take turns with these intervals."""
    return [Entry(f"{prefix}{n}", seconds[n % len(seconds)], **more) for n in range(count)]


def now() -> int:
    """Return the time in ms since the epoch."""
    return round(time.time() * 1000)
