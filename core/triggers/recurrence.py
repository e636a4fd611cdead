"""Recurrence rules of RFC 5545, read on the clocks of a time zone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple

from core.clock import rfc3339
from core.triggers.clocks import DAY, Change, Reading, instant_of, placed, stretch_at
from core.triggers.plan import TriggerError
from core.triggers.rules import FREQUENCIES, MOST_COUNT, Rule, normal, read
from core.triggers.rulewalls import RuleWalls
from core.triggers.rulewords import words
from core.triggers.zoned import Zoned
from core.triggers.zones import local_words, settled, zone

# A Monday, the first of a January and of a leap year: what a rule does not say falls on the beginning of a week, month
# or year, and INTERVAL=2 and 4 on even and leap years.
ORIGIN = datetime(1996, 1, 1)  # noqa: DTZ001 - on the clocks of whichever zone
LONGEST_COUNT = 36_525 * DAY
MOST_AHEAD = 2 * DAY  # that clocks show a later time than UTC's, and then some
YEARS = range(1900, 9000)  # of starts_at


@dataclass(frozen=True)
class RRule(Zoned):
    """A recurrence rule such as ``FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9``, read on *timezone*'s clocks.

    *starts_at* is its DTSTART in whole seconds: what the rule does not say comes from there, INTERVAL and COUNT count
    from there. It is itself a planned time only if it fits the rule. Without one the rule begins with 1996.

    As RFC 5545 wants it, a time that does not exist is left out and not counted, and a time that exists twice counts
    at its first occurrence; HOURLY, MINUTELY and SECONDLY run on elapsed time: in all of a repeated hour.
    """

    rule: str
    starts_at: datetime | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.timezone)
        object.__setattr__(self, "rule", normal(self.rule))
        if self.starts_at is not None:
            starts_at = settled(self.starts_at, self.timezone, "starts_at").replace(microsecond=0)
            if starts_at.year not in YEARS:
                message = f"Found {starts_at.year} as the year of starts_at; wanted {YEARS[0]} to {YEARS[-1]}."
                raise TriggerError(message, "starts_at")
            object.__setattr__(self, "starts_at", starts_at)
        _plan(self.rule, self.starts_at, self.timezone)

    def instants(self, after: int, last: int | None = None) -> Iterator[tuple[int, Change | None]]:
        """Yield the planned seconds since the Unix epoch after *after*, each with its clock change, if any.

        Walls that lie after *last* in every zone are not looked at.
        """
        plan = _plan(self.rule, self.starts_at, self.timezone)
        walls = plan.walls.walls if last is None else partial(plan.walls.walls, end=last + MOST_AHEAD)
        return _instants(plan, walls, self.timezone, after)

    def describe(self) -> str:
        """Return in plain words when it is due."""
        plan = _plan(self.rule, self.starts_at, self.timezone)
        begins = "" if self.starts_at is None else f", from {local_words(self.starts_at, self.timezone)}"
        return words(plan.rule) + (begins or f" ({self.timezone})")

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads back."""
        starts_at = {} if self.starts_at is None else {"starts_at": rfc3339(self.starts_at)}
        return {"rrule": self.rule, "timezone": self.timezone, **starts_at}


class _Plan(NamedTuple):
    """A rule made whole; its planned times lie from the instant *first* to *last*."""

    rule: Rule
    walls: RuleWalls
    reading: Reading
    first: int
    last: int | None


@lru_cache(maxsize=1024)
def _plan(text: str, starts_at: datetime | None, timezone: str) -> _Plan:
    rule = read(text)
    start, first = instant_of(ORIGIN.replace(tzinfo=UTC)), 0
    if starts_at is None:
        first = start - DAY
    else:
        first = instant_of(starts_at)
        stretch = stretch_at(timezone, first)
        start = first + (stretch.offset if stretch else 0)
    rule = _completed(rule, ORIGIN + timedelta(0, start - instant_of(ORIGIN.replace(tzinfo=UTC))))
    last = None if rule.until is None else _until(rule.until, timezone)
    reading = Reading(both=rule.freq in FREQUENCIES[4:], moved=False)
    plan = _Plan(rule, RuleWalls(rule, start), reading, first, last)
    earliest = next(_instants(plan, plan.walls.walls, timezone, first - 1), None)
    if earliest is None:
        raise TriggerError(f"Rrule {text[:80]!r} never fires, or so rarely that no time was found.", "rrule")
    return plan if rule.count is None else plan._replace(last=_counted(plan, timezone, rule.count, earliest[0]))


def _instants(
    plan: _Plan, walls: Callable[[int], Iterator[int]], timezone: str, after: int
) -> Iterator[tuple[int, Change | None]]:
    for instant, change in placed(walls, timezone, max(after, plan.first - 1), plan.reading):
        if plan.last is not None and instant > plan.last:
            return
        yield instant, change


def _counted(plan: _Plan, timezone: str, count: int, earliest: int) -> int:
    """Return the last of *count* planned times."""
    last = earliest
    for last, _ in islice(_instants(plan, plan.walls.walls, timezone, plan.first - 1), count):
        if last > earliest + LONGEST_COUNT:
            wanted = f"wanted one that is reached within a hundred years, at most {MOST_COUNT}. Or leave it out"
            raise TriggerError(f"Found COUNT={count} in an rrule; {wanted}.", "rrule")
    return last


def _until(until: datetime, timezone: str) -> int:
    """Return the last instant at which the clocks show *until*, or the one before they skip it."""
    if until.tzinfo is not None:
        return instant_of(until)
    offset = until.replace(tzinfo=zone(timezone), fold=1).utcoffset() or timedelta(0)
    return instant_of(until.replace(tzinfo=UTC)) - offset // timedelta(seconds=1)


def _completed(rule: Rule, start: datetime) -> Rule:
    """Return *rule* with what it does not say taken from its start."""
    level = FREQUENCIES.index(rule.freq)
    if level < 4:
        rule = replace(rule, byhour=rule.byhour or (start.hour,))
    if level < 5:
        rule = replace(rule, byminute=rule.byminute or (start.minute,))
    if level < 6:
        rule = replace(rule, bysecond=rule.bysecond or (start.second,))
    if rule.byday or rule.bymonthday or rule.byyearday or level > 2:
        return rule
    if rule.byweekno or rule.freq == "WEEKLY":
        return replace(rule, byday=((start.weekday(), 0),))
    if rule.freq == "YEARLY":
        rule = replace(rule, bymonth=rule.bymonth or (start.month,))
    return replace(rule, bymonthday=(start.day,))
