"""Cron expressions, read as Debian's cron reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cronsim.explain import explain

from core.triggers.clocks import Change, Reading, placed
from core.triggers.cronwalls import cron_walls
from core.triggers.fields import spelled_out
from core.triggers.plan import TriggerError
from core.triggers.zoned import Zoned
from core.triggers.zones import zone

ENDINGS = {"1th": "1st", "2th": "2nd", "3th": "3rd"}
ELAPSED, ONCE = Reading(both=True, moved=False), Reading(both=False, moved=True)


@dataclass(frozen=True)
class Cron(Zoned):
    """A cron expression of five fields, or one of the names such as ``@daily``, read on *timezone*'s clocks.

    One whose minute or hour field begins with ``*`` runs on elapsed time: all of a repeated hour, none of a missing
    one. Any other runs once: a time that does not exist at the first minute after the gap, a time that exists twice
    at its first occurrence.
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise TriggerError(f"Found cron {self.expression!r}; wanted text such as '0 7 * * mon-fri'.", "cron")
        object.__setattr__(self, "expression", " ".join(self.expression.split()))
        cron_walls(self.expression)
        zone(self.timezone)

    def instants(self, after: int, last: int | None = None) -> Iterator[tuple[int, Change | None]]:  # noqa: ARG002 - no cron is that rare
        """Yield the planned seconds since the Unix epoch after *after*, each with its clock change, if any."""
        found = cron_walls(self.expression)
        return placed(found.walls, self.timezone, after, ELAPSED if found.elapsed else ONCE)

    def describe(self) -> str:
        """Return in plain words when it is due."""
        words: str = explain(spelled_out(self.expression))
        words = words.replace(" and on ", " or on ").replace("day of month", "day of the month")
        words = re.sub(r"(?<=[2-5])[123]th\b", lambda found: ENDINGS[found[0]], words)
        return f"{words} ({self.timezone})"

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads back."""
        return {"cron": self.expression, "timezone": self.timezone}
