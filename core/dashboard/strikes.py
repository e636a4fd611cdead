"""The next fires, as the overview lists them beside the dial."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.dashboard.view import Row
from core.wording import parse


@dataclass(frozen=True)
class Strike:
    """One fire to come. *clock* is '' in the minute of the one before; *parted* where another hour begins."""

    name: str
    at: str
    clock: str
    parted: bool


def strikes(fires: Sequence[Row], moment: datetime) -> list[Strike]:
    """Return *fires*, rows with ``name`` and ``next``, soonest first, in the zone of *moment*."""
    found: list[Strike] = []
    before = moment
    for fire in fires:
        planned = parse(fire["next"])
        if planned is None:
            continue
        local = planned.astimezone(moment.tzinfo)
        same = bool(found) and local.replace(second=0, microsecond=0) == before.replace(second=0, microsecond=0)
        parted = bool(found) and (local.date(), local.hour) != (before.date(), before.hour)
        found.append(Strike(str(fire["name"]), str(fire["next"]), "" if same else f"{local:%H:%M}", parted))
        before = local
    return found
