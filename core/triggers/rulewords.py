"""A recurrence rule in plain words."""

from collections.abc import Iterable, Sequence
from itertools import product

from core.triggers.rules import FREQUENCIES, Rule
from core.wording import listed

UNITS = dict(zip(FREQUENCIES, ("year", "month", "week", "day", "hour", "minute", "second"), strict=True))
ORDINALS = ("first", "second", "third", "fourth", "fifth")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
TIMES_NAMED = 4


def words(rule: Rule) -> str:
    """Return when *rule*, made whole, is due: "Every month on the first Monday at 09:00"."""
    unit = UNITS[rule.freq]
    said = [f"Every {unit}" if rule.interval == 1 else f"Every {rule.interval} {unit}s"]
    said += _days(rule)
    if rule.byweekno:
        said.append(f"in {listed(_counted(rule.byweekno, 'week'))} of the year")
    if rule.bymonth and not _dates(rule):
        said.append(f"in {listed(MONTHS[month - 1] for month in rule.bymonth)}")
    said += _times(rule)
    if rule.bysetpos:
        said.append(f", but only the {listed(map(ordinal, _from_front(rule.bysetpos)))} of these in each {unit}")
    if rule.count is not None:
        said.append(", once" if rule.count == 1 else f", {rule.count} times")
    if rule.until is not None:
        said.append(f", until {rule.until.isoformat(sep=' ').replace('+00:00', ' UTC')}")
    return " ".join(said).replace(" ,", ",")


def ordinal(number: int) -> str:
    """Return "first", "22nd", or from the back "last", "second to last"."""
    if number < 0:
        return "last" if number == -1 else f"{ordinal(-number)} to last"
    if number <= len(ORDINALS):
        return ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _dates(rule: Rule) -> list[str]:
    """Return the days of the year where they are few, as dates."""
    if not rule.bymonth or not rule.bymonthday or rule.bymonthday[0] < 0:
        return []
    dates = [f"{MONTHS[month - 1]} {day}" for month, day in product(rule.bymonth, rule.bymonthday)]
    return dates if len(dates) <= TIMES_NAMED else []


def _days(rule: Rule) -> list[str]:
    said = []
    dates = _dates(rule)
    if dates:
        said.append(f"on {listed(dates)}")
    elif rule.bymonthday:
        of = "" if rule.freq == "MONTHLY" else " of the month"
        said.append(f"on the {listed(map(ordinal, _from_front(rule.bymonthday)))} day{of}")
    if rule.byyearday:
        said.append(f"on the {listed(map(ordinal, _from_front(rule.byyearday)))} day of the year")
    if rule.byday:
        within = " of the year" if rule.freq == "YEARLY" and not rule.bymonth and any(n for _, n in rule.byday) else ""
        said.append(f"on {_weekdays(rule.byday)}{within}")
    return [said[0], *(f"if it is {part.removeprefix('on ')}" for part in said[1:])] if said else []


def _weekdays(byday: Sequence[tuple[int, int]]) -> str:
    plain = [weekday for weekday, nth in byday if not nth]
    numbered = [f"the {ordinal(nth)} {DAYS[weekday]}" for weekday, nth in byday if nth]
    if plain == [0, 1, 2, 3, 4]:
        return listed(["Monday through Friday", *numbered])
    return listed([*(DAYS[weekday] for weekday in plain), *numbered])


def _times(rule: Rule) -> list[str]:
    level = FREQUENCIES.index(rule.freq)
    seconds = rule.bysecond if level < 6 and rule.bysecond != (0,) else ()
    if level < 4:
        clocks = [
            f"{hour:02}:{minute:02}" + (f":{second:02}" if seconds else "")
            for hour, minute, second in product(rule.byhour, rule.byminute, rule.bysecond)
        ]
        named = (
            listed(clocks) if len(clocks) <= TIMES_NAMED else f"{len(clocks)} times from {clocks[0]} to {clocks[-1]}"
        )
        return [f"at {named}"]
    parts = [("second", rule.bysecond if level == 6 else seconds), ("minute", rule.byminute), ("hour", rule.byhour)]
    return [f"{'in' if name == 'hour' else 'at'} {listed(_counted(found, name))}" for name, found in parts if found]


def _counted(numbers: Iterable[int], unit: str) -> list[str]:
    """Return "minutes 0", "5" and so on, runs of three and more as "7 to 9"; from the back "the last week"."""
    front = sorted(number for number in numbers if number >= 0)
    runs: list[list[int]] = []
    for number in front:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    named = [text for run in runs for text in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    if named:
        named[0] = f"{unit}{'s' if len(front) > 1 else ''} {named[0]}"
    return named + [f"the {ordinal(number)} {unit}" for number in _from_front(numbers) if number < 0]


def _from_front(numbers: Iterable[int]) -> list[int]:
    """Return the numbers that count from the front, then those from the back, the last first."""
    return sorted(numbers, key=lambda number: (number < 0, abs(number)))
