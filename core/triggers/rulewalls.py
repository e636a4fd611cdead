"""The walls that a recurrence rule names, from any wall on: it never walks from the rule's beginning."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import product

from core.triggers.clocks import DAY, FIRST_DAY, LAST_YEAR
from core.triggers.ruledays import LAST_DAY, Budget, Exhausted, RuleDays
from core.triggers.rules import Rule

WEEK_COST = 3  # in steps
UNITS = {"DAILY": DAY, "HOURLY": 3_600, "MINUTELY": 60, "SECONDLY": 1}


class RuleWalls:
    """A rule that begins at the wall *start*."""

    def __init__(self, rule: Rule, start: int) -> None:
        self._rule = rule
        self._start = start
        self._unit = UNITS.get(rule.freq, DAY)
        self._days = RuleDays(rule)
        self._hours = rule.byhour or range(24)
        self._minutes = rule.byminute or range(60)
        self._seconds = rule.bysecond or range(60)
        # What of a day has to fit before a unit does.
        self._wanted = [self._hours, self._minutes, self._seconds][: {DAY: 0, 3_600: 1, 60: 2, 1: 3}[self._unit]]
        # What one period names: of its days, of its hour, of its minute.
        hours = self._hours if self._unit == DAY else (0,)
        minutes = self._minutes if self._unit >= 3_600 else (0,)
        seconds = self._seconds if self._unit >= 60 else (0,)
        self._times = array("L", (3_600 * h + 60 * m + s for h, m, s in product(hours, minutes, seconds)))

    def walls(self, start: int, end: int | None = None) -> Iterator[int]:
        """Yield the walls it names from *start* on, in order, until it is looked at for long in vain.

        It may stop after *end*, too.
        """
        start = max(start, self._start)
        budget, last = Budget(), LAST_DAY if end is None else min(end // DAY, LAST_DAY)
        by_unit = self._rule.freq in UNITS
        try:
            for wall in self._by_unit(start, last, budget) if by_unit else self._by_period(start, budget):
                budget.renew()
                yield wall
        except Exhausted:
            return

    def _by_unit(self, start: int, last: int, budget: Budget) -> Iterator[int]:
        """Yield from days, hours, minutes or seconds: leap to where the interval, the day and the time all fit.

        *last* is the last day that is looked at.
        """
        step, origin = self._rule.interval, self._start // self._unit
        times = self._chosen([0], self._times)
        unit = start // self._unit
        while times:
            budget.spend()
            unit += (origin - unit) % step
            day, second = divmod(unit * self._unit, DAY)
            if day > last:
                return
            found = self._days.first_from(day, budget)
            second = self._time_from(0 if found > day else second)
            if found * DAY + second > unit * self._unit:
                unit = (found * DAY + second) // self._unit
                continue
            for time in times:
                if unit * self._unit + time >= start:
                    yield unit * self._unit + time
            unit += 1

    def _time_from(self, second: int) -> int:
        """Return the first second of a day from *second* on whose hour, minute and second fit: a whole unit."""
        wanted = self._wanted
        found = [second // 3_600, second // 60 % 60, second % 60][: len(wanted)]
        for place, numbers in enumerate(wanted):
            index = bisect_left(numbers, found[place])
            if index == len(numbers):
                return self._time_after(wanted, found, place)
            if numbers[index] != found[place]:
                found[place:] = [numbers[index], *(rest[0] for rest in wanted[place + 1 :])]
                break
        return sum(number * size for number, size in zip(found, (3_600, 60, 1), strict=False))

    def _time_after(self, wanted: Sequence[Sequence[int]], found: list[int], place: int) -> int:
        """Carry: return the first second of a day that fits after all that agree with *found* before *place*."""
        while place:
            place -= 1
            index = bisect_left(wanted[place], found[place] + 1)
            if index < len(wanted[place]):
                found[place:] = [wanted[place][index], *(rest[0] for rest in wanted[place + 1 :])]
                return sum(number * size for number, size in zip(found, (3_600, 60, 1), strict=False))
        return DAY

    def _by_period(self, start: int, budget: Budget) -> Iterator[int]:
        """Yield from years, months or weeks."""
        for days in self._periods(start // DAY, budget):
            budget.spend()
            if self._rule.bysetpos:
                yield from (wall for wall in self._chosen(days, self._times) if wall >= start)
                continue
            for day in days:
                if day * DAY + DAY > start:
                    first = bisect_left(self._times, start - day * DAY) if day * DAY < start else 0
                    yield from (day * DAY + time for time in self._times[first:])

    def _periods(self, day: int, budget: Budget) -> Iterator[list[int]]:
        """Yield the fitting days of each year, month or week that counts, from the one that *day* lies in."""
        rule, days, origin = self._rule, self._days, self._start // DAY
        if rule.freq == "WEEKLY":
            monday = day - (day + 3 - rule.wkst) % 7
            monday += (origin - (origin + 3 - rule.wkst) % 7 - monday) % (7 * rule.interval)
            while monday < LAST_DAY:
                budget.spend(WEEK_COST)
                yield self._week(monday, budget)
                monday += 7 * rule.interval
            return
        now, then = date.fromordinal(day + FIRST_DAY), date.fromordinal(origin + FIRST_DAY)
        if rule.freq == "YEARLY":
            for year in range(now.year + (then.year - now.year) % rule.interval, LAST_YEAR + 1, rule.interval):
                yield [found for month in days.months for found in days.of_month(year, month, budget)]
            return
        month, first = 12 * now.year + now.month - 1, 12 * then.year + then.month - 1
        for number in range(month + (first - month) % rule.interval, 12 * LAST_YEAR, rule.interval):
            yield days.of_month(number // 12, number % 12 + 1, budget)

    def _week(self, monday: int, budget: Budget) -> list[int]:
        ends = {date.fromordinal(day + FIRST_DAY).replace(day=1) for day in (monday, monday + 6)}
        fitting = [day for first in sorted(ends) for day in self._days.of_month(first.year, first.month, budget)]
        return [day for day in fitting if monday <= day < monday + 7]

    def _chosen(self, days: Sequence[int], times: Sequence[int]) -> Sequence[int]:
        """Return the walls of a period: those at the places of BYSETPOS, or all."""
        if not self._rule.bysetpos:
            return [day * DAY + time for day in days for time in times]
        size = len(days) * len(times)
        places = {place - 1 if place > 0 else size + place for place in self._rule.bysetpos}
        inside = sorted(place for place in places if 0 <= place < size)
        return [days[place // len(times)] * DAY + times[place % len(times)] for place in inside]
