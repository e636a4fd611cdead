"""Cron by brute force: what Debian's cron does at clock changes, minute by minute, for comparison with ours.

Every minute of UTC is looked at: what the zone's clocks show in it, and whether that is in the expression's sets. The
sets come from a parser of its own, what the clocks show from ``zoneinfo``; nothing of ``core.triggers`` is used.

    python -m tests.cron_oracle [EXPRESSIONS] [SEED]    compares everything around every clock change of 2026 to 2030
"""

import calendar
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby, islice
from zoneinfo import ZoneInfo, available_timezones

MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6}
MONTHS |= {"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}
WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
MINUTE = timedelta(minutes=1)
AROUND = timedelta(hours=36)
ALIASED = 25  # expressions for a zone that shows what another one does


class Expression:
    """The sets of a cron expression; *days* are asked for by date."""

    def __init__(self, text: str):
        minute, hour, self.day, month, self.weekday = text.lower().split()
        self.star = minute[0] == "*" or hour[0] == "*"
        minutes, hours = members(minute, 0, 59), members(hour, 0, 23)
        self.minutes = [at // 60 in hours and at % 60 in minutes for at in range(1440)]
        self.months = members(month, 1, 12, named=True)

    @cache  # noqa: B019 - as long as the comparison runs
    def on(self, day: date) -> bool:
        last = calendar.monthrange(day.year, day.month)[1]
        if day.month not in self.months:
            return False
        dates = any(self._dated(part, day, last) for part in self.day.split(","))
        weekdays = any(self._weekday(part, day, last) for part in self.weekday.split(","))
        star = self.day[0] == "*" or self.weekday[0] == "*"
        return (dates and weekdays) if star else (dates or weekdays)

    @staticmethod
    def _dated(part: str, day: date, last: int) -> bool:
        if part == "l":
            return day.day == last
        if part == "lw":
            weekdays = [n for n in range(1, last + 1) if day.replace(day=n).isoweekday() < 6]
            return day.day == weekdays[-1]
        return day.day in members(part, 1, 31)

    @staticmethod
    def _weekday(part: str, day: date, last: int) -> bool:
        number = day.isoweekday() % 7
        if part.endswith("l"):
            return number in members(part[:-1], 0, 7, named=True) and day.day + 7 > last
        name, _, nth = part.partition("#")
        return number in members(name, 0, 7, named=True) and nth in ("", str((day.day + 6) // 7))


@cache
def members(text: str, low: int, high: int, named: bool = False) -> set[int]:
    names = {} if not named else MONTHS if high == 12 else WEEKDAYS
    found = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, end = span.partition("-")
        if span == "*":
            bounds = low, high
        else:
            start, stop = (int(names.get(word, word or -1)) for word in (first, end))
            bounds = start, stop if end else high if step else start
        found.update(range(bounds[0], bounds[1] + 1, int(step or 1)))
    return {number % 7 for number in found} if high == 7 else found


@dataclass(frozen=True)
class Shown:
    """What the clocks show in one minute of UTC, at *minute* of *day*; *skipped* is what they skipped before it."""

    utc: datetime
    day: date
    minute: int
    again: bool
    skipped: tuple[tuple[date, int], ...] = ()


def shown(zone: str, start: datetime, end: datetime) -> list[Shown]:
    """Return the minutes from *start* up to *end*; both are whole minutes of UTC."""
    clocks, found = ZoneInfo(zone), []
    utc = start - timedelta(days=2)
    furthest = utc.astimezone(clocks).replace(tzinfo=None) - MINUTE
    while utc < end:
        wall = utc.astimezone(clocks).replace(tzinfo=None)
        again, skipped = wall <= furthest, []
        while furthest + MINUTE < wall:
            furthest += MINUTE
            skipped.append((furthest.date(), furthest.hour * 60 + furthest.minute))
        furthest = max(furthest, wall)
        if utc >= start:
            found.append(Shown(utc, wall.date(), wall.hour * 60 + wall.minute, again, tuple(skipped)))
        utc += MINUTE
    return found


class Window:
    """Minutes around a clock change, by day: the same for each expression."""

    def __init__(self, minutes: list[Shown]):
        self.minutes = minutes
        midnight = datetime.min.time()
        walls = (datetime.combine(at.day, midnight, UTC) + at.minute * MINUTE for at in minutes)
        offsets = dict.fromkeys(wall - at.utc for wall, at in zip(walls, minutes, strict=True))
        self.changes = len(offsets) - 1
        self.reading = tuple(offsets), minutes[0].utc
        self.days = [(day, list(group)) for day, group in groupby(minutes, key=lambda minute: minute.day)]
        self.skips = [minute for minute in minutes if minute.skipped]

    def fires(self, cron: Expression) -> list[datetime]:
        found = set()
        for day, minutes in self.days:
            if cron.on(day):
                found |= {at.utc for at in minutes if cron.minutes[at.minute] and (cron.star or not at.again)}
        if not cron.star:
            for at in self.skips:
                if any(cron.minutes[minute] and cron.on(day) for day, minute in at.skipped):
                    found.add(at.utc)
        return sorted(found)


def fires(text: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return when cron fires from *start* up to *end*."""
    return Window(shown(zone, start, end)).fires(Expression(text))


def changes(zone: str, years: range) -> Iterator[datetime]:
    """Yield the first minutes, in UTC, at which the zone's offset is another than a minute before."""
    clocks = ZoneInfo(zone)
    hour = datetime(years.start, 1, 1, tzinfo=UTC)
    old = hour.astimezone(clocks).utcoffset()
    while hour.year < years.stop:
        hour += timedelta(hours=1)
        if hour.astimezone(clocks).utcoffset() == old:
            continue
        minute = hour - timedelta(minutes=59)
        while minute.astimezone(clocks).utcoffset() == old:
            minute += MINUTE
        yield minute
        old = hour.astimezone(clocks).utcoffset()


def expressions(dice: random.Random) -> Iterator[str]:
    """Yield random expressions, mostly of times at which clocks change."""
    while True:
        yield " ".join([_minute(dice), _hour(dice), _day(dice), _month(dice), _weekday(dice)])


def _minute(dice: random.Random) -> str:
    step, low = dice.randint(1, 59), dice.randint(0, 50)
    few = ",".join(str(dice.randint(0, 59)) for _ in range(dice.randint(2, 4)))
    some = f"{low}-{dice.randint(low, 59)}"
    return dice.choice(
        ["0", "30", str(low), few, some, f"{some}/{step % 7 + 1}", f"*/{step}", f"*,{low}", "*", f"{low}/7"]
    )


def _hour(dice: random.Random) -> str:
    low, around = dice.randint(0, 4), dice.randint(0, 23)
    few = ",".join(str(dice.choice([0, 1, 2, 3, 22, 23])) for _ in range(dice.randint(2, 4)))
    some = f"{low}-{dice.randint(low, 23)}"
    return dice.choice(
        ["0", "1", "2", "3", "23", str(around), few, some, f"{some}/2", "*", f"*/{dice.randint(1, 12)}", "1/3"]
    )


def _day(dice: random.Random) -> str:
    low = dice.randint(1, 31)
    odd = [
        "L",
        "LW",
        f"{low}",
        f"{low},L",
        f"{min(low, 20)}-{dice.randint(20, 31)}",
        f"*/{dice.randint(1, 9)}",
        "1-7",
        "*/29",
    ]
    return "*" if dice.random() < 0.6 else dice.choice(odd)


def _month(dice: random.Random) -> str:
    odd = ["mar,oct", "Mar-Nov", "*/3", "4", "9-11", "apr,SEP,nov", "1-12/2"]
    return "*" if dice.random() < 0.8 else dice.choice(odd)


def _weekday(dice: random.Random) -> str:
    odd = ["sun", "0", "7", "mon-fri", "5-7", "6L", "0L", "7#1", "sun#2", "sun#5", "*/2", "sat,0", "1-5/2", "tue,0L"]
    return "*" if dice.random() < 0.6 else dice.choice(odd)


def windows(zones: list[str], years: range) -> dict[str, list[Window]]:
    """Return the minutes around each clock change, by zone; a few of an ordinary week where clocks do not change."""
    ordinary = datetime(years.start, 3, 1, tzinfo=UTC)
    found = {}
    for zone in zones:
        moments = list(changes(zone, years)) or [ordinary]
        found[zone] = [Window(shown(zone, moment - AROUND, moment + AROUND)) for moment in moments]
    return found


@cache
def parsed(text: str) -> Expression:
    return Expression(text)


def differences(text: str, zone: str, window: Window, wanted: list[datetime]) -> list[datetime]:
    """Return what ours adds to the *wanted* times in *window*, or leaves out."""
    from core.triggers import Cron

    start, end = window.minutes[0].utc - timedelta(microseconds=1), window.minutes[-1].utc
    return sorted(set(Cron(text, zone).between(start, end, 10_000)) ^ set(wanted))


def possible(text: str) -> bool:
    """Tell whether ours accepts the expression."""
    from core.triggers import Cron, TriggerError

    try:
        Cron(text)
    except TriggerError:
        return False
    return True


def main(count: int = 500, seed: int = 1) -> int:
    """Compare *count* random expressions around every clock change of 2026 to 2030 in every zone.

    Zones whose clocks show the same all the time are compared in full once, the others of them with some expressions.
    """
    dice = random.Random(seed)
    texts = list(islice(filter(possible, expressions(dice)), count))
    cases = wrong = total = changed = 0
    known: dict[tuple, dict[str, list[datetime]]] = {}
    begin = time.process_time()
    for zone in sorted(available_timezones() - {"localtime", "posixrules"}):
        for window in windows([zone], range(2026, 2031))[zone]:
            changed += window.changes
            same = known.get(window.reading)
            fired = known.setdefault(window.reading, {})
            for text in texts if same is None else dice.sample(texts, min(count, ALIASED)):
                if text not in fired:
                    fired[text] = window.fires(parsed(text))
                differing = differences(text, zone, window, fired[text])
                cases, total, wrong = cases + 1, total + len(fired[text]), wrong + bool(differing)
                if differing:
                    sys.stderr.write(f"{text!r} in {zone}: {[str(moment) for moment in differing[:3]]}\n")
    seconds = time.process_time() - begin
    sys.stdout.write(f"{count} expressions, {changed} clock changes: {cases} cases, {total} fires, {wrong} cases wrong")
    sys.stdout.write(f" ({seconds:.0f} s of processor time)\n")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
