"""When a job is due: cron, every, at, rrule, as records that know their planned times and say them in words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from core.triggers.crontab import Cron
from core.triggers.fields import NAMED
from core.triggers.plan import TriggerError
from core.triggers.recurrence import RRule
from core.triggers.simple import At, Every

__all__ = ["NAMED", "At", "Cron", "Every", "RRule", "Trigger", "TriggerError", "from_json"]

Trigger: TypeAlias = Cron | Every | At | RRule
KINDS = ("cron", "every", "at", "rrule")


def from_json(data: Mapping[str, Any]) -> Trigger:
    """Return the trigger that *data* names by exactly one of ``cron``, ``every``, ``at`` and ``rrule``.

    Raises:
        TriggerError: its ``field`` names the key.
    """
    found = [key for key in KINDS if data.get(key) is not None]
    if len(found) != 1:
        message = f"Found {' and '.join(found) or 'none'} of cron, every, at and rrule; wanted exactly one."
        raise TriggerError(message, found[0] if found else "cron")
    zone = "UTC" if data.get("timezone") is None else data["timezone"]
    if found == ["cron"]:
        return Cron(data["cron"], zone)
    if found == ["at"]:
        return At(_read(data["at"], "at"), zone)
    starts_at = None if data.get("starts_at") is None else _read(data["starts_at"], "starts_at")
    if found == ["rrule"]:
        return RRule(data["rrule"], starts_at, zone)
    return Every(data["every"], starts_at, zone)


def _read(text: object, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text)  # type: ignore[arg-type]  # what is no text is refused like odd text
    except (TypeError, ValueError):
        raise TriggerError(f"Found {text!r}; wanted RFC 3339 text, e.g. 2027-03-28T09:00:00Z.", field) from None
