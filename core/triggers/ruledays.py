"""The days that a recurrence rule names, month by month."""

import calendar
from bisect import bisect_left
from datetime import MAXYEAR, date
from functools import lru_cache

from core.triggers.clocks import FIRST_DAY, FIRST_YEAR, LAST_YEAR
from core.triggers.rules import Rule

LAST_DAY = date(LAST_YEAR, 12, 31).toordinal() - FIRST_DAY
REMEMBERED = 64  # months whose days are kept
MONTH_COST = 8  # in steps


class Exhausted(Exception):
    """A rule was looked at for long and named nothing."""


class Budget:
    """How much may be looked at from one planned time to the next: steps, not seconds, so it is always the same."""

    STEPS = 10_000

    def __init__(self) -> None:
        self._left = self.STEPS

    def spend(self, steps: int = 1) -> None:
        """Note that so many *steps* were made.

        Raises:
            Exhausted: that was too much.
        """
        self._left -= steps
        if self._left < 0:
            raise Exhausted

    def renew(self) -> None:
        """Note that something was found."""
        self._left = self.STEPS


class RuleDays:
    """The days, counted from 1970-01-01, that fit a rule's BYxxx parts."""

    def __init__(self, rule: Rule) -> None:
        self.months = rule.bymonth or tuple(range(1, 13))
        self.all = not (rule.bymonth or rule.bymonthday or rule.byday or rule.byyearday or rule.byweekno)
        self._rule = rule
        self._in_year = rule.freq == "YEARLY" and not rule.bymonth  # what 1MO counts in
        self._plain = {weekday for weekday, nth in rule.byday if not nth}
        self._numbered = {(weekday, nth) for weekday, nth in rule.byday if nth}
        self._known: dict[tuple[int, int], list[int]] = {}

    def of_month(self, year: int, month: int, budget: Budget) -> list[int]:
        """Return the days of one month that fit."""
        if month not in self.months:
            return []
        days = self._known.get((year, month))
        if days is None:
            budget.spend(MONTH_COST)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            days = self._known[year, month] = self._work_out(year, month)
        return days

    def first_from(self, day: int, budget: Budget) -> int:
        """Return the first day from *day* on that fits.

        Raises:
            Exhausted: none was found, or the calendar ended.
        """
        if self.all:
            return day
        begin = date.fromordinal(day + FIRST_DAY)
        for year in range(begin.year, LAST_YEAR + 1):
            budget.spend()
            for month in self.months:
                if year > begin.year or month >= begin.month:
                    days = self.of_month(year, month, budget)
                    if days and days[-1] >= day:
                        return days[bisect_left(days, day)]
        raise Exhausted

    def _work_out(self, year: int, month: int) -> list[int]:
        rule = self._rule
        length = calendar.monthrange(year, month)[1]
        before = date(year, month, 1).toordinal() - FIRST_DAY - 1
        dates = {day if day > 0 else length + 1 + day for day in rule.bymonthday}
        days = sorted(day for day in dates if 0 < day <= length) if dates else range(1, length + 1)
        return [
            before + day
            for day in days
            if (not rule.byday or self._weekday(year, day, length, before))
            and (not rule.byyearday or _either(_day_of_year(before + day), _length(year), rule.byyearday))
            and (not rule.byweekno or _either(*_week(before + day, rule.wkst), rule.byweekno))
        ]

    def _weekday(self, year: int, day: int, length: int, before: int) -> bool:
        weekday = (before + day + 3) % 7  # 1970-01-01 was a Thursday
        if weekday in self._plain:
            return True
        if not self._numbered:
            return False
        place, size = (_day_of_year(before + day), _length(year)) if self._in_year else (day, length)
        return bool({(weekday, (place + 6) // 7), (weekday, -((size - place) // 7 + 1))} & self._numbered)


def _either(place: int, size: int, wanted: tuple[int, ...]) -> bool:
    """Tell whether *place*, of 1 to *size*, is wanted, counted from the front or from the back."""
    return place in wanted or place - size - 1 in wanted


def _length(year: int) -> int:
    return 366 if calendar.isleap(year) else 365


def _day_of_year(day: int) -> int:
    return date.fromordinal(day + FIRST_DAY).timetuple().tm_yday


@lru_cache(maxsize=1024)
def _week(day: int, first: int) -> tuple[int, int]:
    """Return the number of the week that *day* lies in, and how many weeks its year has; weeks begin on *first*.

    As in ISO 8601, a week belongs to the year that has most of its days.
    """
    middle = day - (day + 3 - first) % 7 + 3
    year = min(max(date.fromordinal(middle + FIRST_DAY).year, FIRST_YEAR), MAXYEAR)
    last = date(year, 12, 28).toordinal() - FIRST_DAY  # always in the last week
    last_middle = last - (last + 3 - first) % 7 + 3
    return (_day_of_year(middle) + 6) // 7, (_day_of_year(last_middle) + 6) // 7
