"""Time zones by name, and moments placed on their clocks."""

import difflib
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from core.triggers.plan import TriggerError


def zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name.

    Raises:
        TriggerError: there is none; the message names those that look like it.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (TypeError, AttributeError, ValueError, KeyError, OSError):
        text = str(name)[:64]
        zones = sorted(available_timezones())
        known = {part.casefold(): found for found in zones for part in (found, found.rpartition("/")[2])}
        close = difflib.get_close_matches(text.casefold().replace(" ", "_"), known)
        near = ", ".join(dict.fromkeys(known[part] for part in close))
        wanted = f"wanted an IANA name such as {near or 'Europe/Berlin'}"
        raise TriggerError(f"Found the timezone {text!r}; {wanted}.", "timezone") from None


def settled(moment: datetime, timezone: str, field: str) -> datetime:
    """Return *moment* in UTC and whole milliseconds; a naive one is a time on *timezone*'s clocks.

    A time that they skip is the first minute after the gap, a time they show twice its first occurrence.

    Raises:
        TriggerError: it is no datetime, or lies outside the years that datetimes can name.
    """
    clocks = zone(timezone)
    try:
        while moment.tzinfo is None:
            local = moment.replace(tzinfo=clocks)
            exists = local.astimezone(UTC).astimezone(clocks) == local
            moment = local if exists else moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        utc = moment.astimezone(UTC)
    except (AttributeError, OverflowError):
        raise TriggerError(f"Found {moment!r}; wanted a datetime of the years 1 to 9999.", field) from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def local_words(moment: datetime, timezone: str) -> str:
    """Return *moment* as *timezone*'s clocks show it, and the zone's name."""
    local = moment.astimezone(zone(timezone)).replace(tzinfo=None)
    return f"{local.isoformat(sep=' ', timespec='seconds')} ({timezone})"
