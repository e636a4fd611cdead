"""When a job is due: cron, every, at, as records that know their planned times and say them in words."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from core.clock import rfc3339
from core.errors import CoreError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=36_525)
LONGEST_CRON = 512
NAMED = {"@hourly": "0 * * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
NAMED |= dict.fromkeys(("@daily", "@midnight"), "0 0 * * *") | dict.fromkeys(("@yearly", "@annually"), "0 0 1 1 *")
FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L (last) or LW (last weekday), and a day its months have, or it never fires",
    "month": "1-12 or jan-dec",
    "day-of-week": "0-7 or sun-sat, 5L (last Friday) or 1#2 (second Monday)",
}
ENDINGS = {"1th": "1st", "2th": "2nd", "3th": "3rd"}
UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


class TriggerError(CoreError, ValueError):
    """This is no time plan.

    ``field`` names what is wrong: ``cron``, ``every``, ``at``, ``timezone`` or ``starts_at``.
    """

    def __init__(self, message: str, field: str) -> None:
        self.field = field
        super().__init__(message)


class _Planned:
    """What all triggers have in common.

    ``describe`` says in plain words when it is due, ``to_json`` gives what ``from_json`` reads back.
    """

    def times(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times strictly after *moment*, in order, each once, in UTC."""
        raise NotImplementedError

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time strictly after *moment*, or None if there is none."""
        return next(self.times(moment), None)

    def between(self, start: datetime, end: datetime, limit: int) -> list[datetime]:
        """Return the planned times after *start* up to and including *end*, at most *limit* of them."""
        return list(islice(takewhile(lambda planned: planned <= end, self.times(start)), limit))


@dataclass(frozen=True)
class Cron(_Planned):
    """A cron expression of five fields, or one of the names such as ``@daily``, read on *timezone*'s clocks."""

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise TriggerError(f"Found cron {self.expression!r}; wanted text such as '0 7 * * mon-fri'.", "cron")
        object.__setattr__(self, "expression", " ".join(self.expression.split()))
        _check(self.expression)
        _zone(self.timezone)

    def times(self, moment: datetime) -> Iterator[datetime]:
        latest = moment
        try:
            for local in CronSim(_fields(self.expression), moment.astimezone(_zone(self.timezone))):
                planned = local.astimezone(UTC)
                # Around a clock change the library may step back, or name one instant twice.
                if planned > latest:
                    latest = planned
                    yield planned
        except (OverflowError, ValueError):
            return  # the calendar ends with the year 9999

    def describe(self) -> str:
        words: str = CronSim(_fields(self.expression), EPOCH).explain()
        words = words.replace(" and on ", " or on ").replace("day of month", "day of the month")
        words = re.sub(r"(?<=[2-5])[123]th\b", lambda found: ENDINGS[found[0]], words)
        return f"{words} ({self.timezone})"

    def to_json(self) -> dict[str, Any]:
        return {"cron": self.expression, "timezone": self.timezone}


@dataclass(frozen=True)
class Every(_Planned):
    """Every so many seconds from *starts_at*, that time included; without one, from the Unix epoch.

    So planned times do not depend on when a process started. A naive *starts_at* is a time on *timezone*'s clocks.
    """

    seconds: float
    starts_at: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _step(self.seconds)
        if self.starts_at is not None:
            object.__setattr__(self, "starts_at", _placed(self.starts_at, self.timezone, "starts_at"))
        _zone(self.timezone)

    def times(self, moment: datetime) -> Iterator[datetime]:
        origin, step = self.starts_at or EPOCH, _step(self.seconds)
        count = (moment - origin) // step + 1
        try:
            planned = origin + (count if self.starts_at is None else max(count, 0)) * step
            while True:
                yield planned
                planned += step
        except OverflowError:
            return  # the calendar ends with the year 9999

    def describe(self) -> str:
        unit, size = next((unit, size) for unit, size in UNITS.items() if self.seconds % size == 0 or size == 1)
        count = self.seconds / size
        words = f"Every {unit}" if count == 1 else f"Every {count:.15g} {unit}s"
        return words if self.starts_at is None else f"{words}, from {_local(self.starts_at, self.timezone)}"

    def to_json(self) -> dict[str, Any]:
        starts_at = {} if self.starts_at is None else {"starts_at": rfc3339(self.starts_at)}
        return {"every": self.seconds, "timezone": self.timezone, **starts_at}


@dataclass(frozen=True)
class At(_Planned):
    """Once; a naive *moment* is a time on *timezone*'s clocks."""

    moment: datetime
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        object.__setattr__(self, "moment", _placed(self.moment, self.timezone, "at"))

    def times(self, moment: datetime) -> Iterator[datetime]:
        if self.moment > moment:
            yield self.moment

    def describe(self) -> str:
        return f"Once, on {_local(self.moment, self.timezone)}"

    def to_json(self) -> dict[str, Any]:
        return {"at": rfc3339(self.moment), "timezone": self.timezone}


Trigger: TypeAlias = Cron | Every | At


def from_json(data: Mapping[str, Any]) -> Trigger:
    """Return the trigger that *data* names by exactly one of ``cron``, ``every`` and ``at``.

    Raises:
        TriggerError: its ``field`` names the key.
    """
    found = [key for key in ("cron", "every", "at") if data.get(key) is not None]
    if len(found) != 1:
        message = f"Found {' and '.join(found) or 'none'} of cron, every and at; wanted exactly one."
        raise TriggerError(message, found[0] if found else "cron")
    zone = "UTC" if data.get("timezone") is None else data["timezone"]
    if found == ["cron"]:
        return Cron(data["cron"], zone)
    if found == ["at"]:
        return At(_read(data["at"], "at"), zone)
    starts_at = data.get("starts_at")
    return Every(data["every"], None if starts_at is None else _read(starts_at, "starts_at"), zone)


def _fields(expression: str) -> str:
    return NAMED.get(expression.lower(), expression)


@lru_cache(maxsize=1024)
def _check(expression: str) -> None:
    """Refuse what is no cron expression, or one that never fires."""
    fields = _fields(expression).split()
    if len(fields) != 5 or len(expression) > LONGEST_CRON:
        wanted = f"wanted five: {', '.join(FIELDS)}. Or one of {', '.join(NAMED)}."
        raise TriggerError(f"Found {len(fields)} fields in cron {expression[:80]!r}; {wanted}", "cron")
    try:
        fires = next(CronSim(" ".join(fields), datetime(2000, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        found = f"Found {fields[list(FIELDS).index(name)]!r} as {name} in cron {expression!r}"
        raise TriggerError(f"{found}; wanted {FIELDS[name]}. Lists, ranges and steps are fine.", "cron") from None
    if fires is None:
        raise TriggerError(f"Cron {expression!r} never fires: there is no such day in fifty years.", "cron")


def _step(seconds: float) -> timedelta:
    number = type(seconds) in (int, float)
    if not number or not 1 <= seconds <= LONGEST.total_seconds() or round(seconds, 3) != seconds:
        wanted = "wanted seconds from 1 up to 100 years, in whole milliseconds"
        raise TriggerError(f"Found every {seconds!r}; {wanted}.", "every")
    return timedelta(seconds=seconds)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (TypeError, AttributeError, ValueError, KeyError, OSError):
        text = str(name)[:64]
        zones = sorted(available_timezones())
        known = {part.casefold(): zone for zone in zones for part in (zone, zone.rpartition("/")[2])}
        close = difflib.get_close_matches(text.casefold().replace(" ", "_"), known)
        near = ", ".join(dict.fromkeys(known[part] for part in close))
        wanted = f"wanted an IANA name such as {near or 'Europe/Berlin'}"
        raise TriggerError(f"Found the timezone {text!r}; {wanted}.", "timezone") from None


def _placed(moment: datetime, timezone: str, field: str) -> datetime:
    """Return *moment* in UTC and whole milliseconds; a time *timezone* skips is the first minute after the gap."""
    zone = _zone(timezone)
    try:
        while moment.tzinfo is None:
            local = moment.replace(tzinfo=zone)
            exists = local.astimezone(UTC).astimezone(zone) == local
            moment = local if exists else moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        utc = moment.astimezone(UTC)
    except (AttributeError, OverflowError):
        raise TriggerError(f"Found {moment!r}; wanted a datetime of the years 1 to 9999.", field) from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _read(text: object, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text)  # type: ignore[arg-type]  # what is no text is refused like odd text
    except (TypeError, ValueError):
        raise TriggerError(f"Found {text!r}; wanted RFC 3339 text, e.g. 2027-03-28T09:00:00Z.", field) from None


def _local(moment: datetime, timezone: str) -> str:
    local = moment.astimezone(_zone(timezone)).replace(tzinfo=None)
    return f"{local.isoformat(sep=' ', timespec='seconds')} ({timezone})"
