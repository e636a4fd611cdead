"""The walls that a cron expression names, day by day: nothing is walked minute by minute."""

import calendar
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from core.triggers.clocks import DAY, FIRST_DAY, LAST_YEAR
from core.triggers.fields import LAST, LAST_WEEKDAY, Sets, read
from core.triggers.plan import TriggerError

EVERY_CALENDAR = range(2000, 2028)  # has every kind of year: each first weekday, leap and not
REMEMBERED = 64  # months whose days are kept


class CronWalls:
    """What the clocks show when an expression is due.

    ``elapsed`` tells that its minute or hour field begins with ``*``: it runs on elapsed time.
    """

    def __init__(self, sets: Sets) -> None:
        self.elapsed = sets.elapsed
        self._sets = sets
        self._minutes = array("H", sorted(60 * hour + minute for hour in sets.hours for minute in sets.minutes))
        self._months = sorted(sets.months)
        self._known: dict[tuple[int, int], list[int]] = {}

    def walls(self, start: int) -> Iterator[int]:
        """Yield the walls it names from *start* on, in order."""
        day, second = divmod(start, DAY)
        minutes = self._minutes
        first = bisect_left(minutes, -(-second // 60))
        for found in self._days(day):
            midnight = found * DAY
            for minute in minutes[first:] if found == day else minutes:
                yield midnight + 60 * minute

    def ever(self) -> bool:
        """Tell whether there is any day it names."""
        return any(self._month(year, month) for year in EVERY_CALENDAR for month in self._months)

    def _days(self, day: int) -> Iterator[int]:
        """Yield the days it names from *day* on, counted from 1970-01-01."""
        begin = date.fromordinal(day + FIRST_DAY)
        for month in self._months:
            if month >= begin.month:
                yield from (found for found in self._month(begin.year, month) if found >= day)
        for year in range(begin.year + 1, LAST_YEAR + 1):
            for month in self._months:
                yield from self._month(year, month)

    def _month(self, year: int, month: int) -> list[int]:
        days = self._known.get((year, month))
        if days is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            days = self._known[year, month] = self._work_out(year, month)
        return days

    def _work_out(self, year: int, month: int) -> list[int]:
        sets = self._sets
        weekday, length = calendar.monthrange(year, month)  # Monday is 0
        dates = {day for day in sets.monthdays if day <= length}
        if LAST in sets.last_days:
            dates.add(length)
        if LAST_WEEKDAY in sets.last_days:
            dates.add(length - max(0, (weekday + length - 1) % 7 - 4))
        fitting = set[int]()
        for number in sets.weekdays:
            fitting.update(range(1 + (number - 1 - weekday) % 7, length + 1, 7))
        for number, nth in sets.nth_weekdays:
            days = range(1 + (number - 1 - weekday) % 7, length + 1, 7)
            fitting.update(days[-1:] if nth < 0 else days[nth - 1 : nth])
        before = date(year, month, 1).toordinal() - FIRST_DAY - 1
        return [before + day for day in sorted(dates | fitting if sets.either else dates & fitting)]


@lru_cache(maxsize=1024)
def cron_walls(expression: str) -> CronWalls:
    """Return the walls of *expression*.

    Raises:
        TriggerError: it is no cron expression, or there is no day on which it fires.
    """
    found = CronWalls(read(expression))
    if not found.ever():
        raise TriggerError(f"Cron {expression!r} never fires: no year has such a day.", "cron")
    return found
