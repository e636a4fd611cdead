"""The five fields of a cron expression, as sets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core.triggers.plan import TriggerError

LONGEST = 512
NAMED = {"@hourly": "0 * * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
NAMED |= dict.fromkeys(("@daily", "@midnight"), "0 0 * * *") | dict.fromkeys(("@yearly", "@annually"), "0 0 1 1 *")
LAST, LAST_WEEKDAY = "l", "lw"


@dataclass(frozen=True)
class Kind:
    """One of the five fields: its numbers, the names for them, and what is wanted, in words."""

    name: str
    low: int
    high: int
    wanted: str
    names: Mapping[str, int] = field(default_factory=dict)

    def numbers(self, text: str) -> set[int]:
        """Return the numbers that *text* names, in lower case: one, ``*`` or a range, with or without a step.

        Raises:
            ValueError: it names none.
        """
        span, slash, step = text.partition("/")
        first, dash, last = span.partition("-")
        low, high = (self.low, self.high) if span == "*" else (self.number(first), self.number(last if dash else first))
        if slash and span != "*" and not dash:
            high = self.high
        if low > high or (slash and not _digits(step)):
            raise ValueError(text)
        return set(range(low, high + 1, int(step or 1)))

    def number(self, text: str) -> int:
        """Return the number that *text* is or names.

        Raises:
            ValueError: it is none of this field.
        """
        number = self.names[text] if text in self.names else _digits(text)
        if not self.low <= number <= self.high:
            raise ValueError(text)
        return number


MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6}
MONTHS |= {"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}
WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
DAY_WORDS = "1-31, L (last) or LW (last weekday), and a day its months have, or it never fires"
MINUTE = Kind("minute", 0, 59, "0-59")
HOUR = Kind("hour", 0, 23, "0-23")
MONTHDAY = Kind("day-of-month", 1, 31, DAY_WORDS)
MONTH = Kind("month", 1, 12, "1-12 or jan-dec", MONTHS)
WEEKDAY = Kind("day-of-week", 0, 7, "0-7 or sun-sat, 5L (last Friday) or 1#2 (second Monday)", WEEKDAYS)
FIELDS = (MINUTE, HOUR, MONTHDAY, MONTH, WEEKDAY)


class Sets(NamedTuple):
    """An expression as sets.

    *last_days* holds ``l`` and ``lw``; *nth_weekdays* pairs of a weekday and 1 to 5, or -1 for the last of a month.
    *either*: a day needs to fit only one of day-of-month and day-of-week. *elapsed*: minute or hour begins with ``*``.
    """

    minutes: set[int]
    hours: set[int]
    monthdays: set[int]
    last_days: set[str]
    months: set[int]
    weekdays: set[int]
    nth_weekdays: set[tuple[int, int]]
    either: bool
    elapsed: bool


def spelled_out(expression: str) -> str:
    """Return the five fields that a name such as ``@daily`` stands for, or *expression* itself."""
    return NAMED.get(expression.lower(), expression)


def read(expression: str) -> Sets:
    """Return the sets of *expression*.

    Raises:
        TriggerError: it is no cron expression.
    """
    texts = spelled_out(expression).lower().split()
    if len(texts) != len(FIELDS) or len(expression) > LONGEST:
        wanted = f"wanted five: {', '.join(kind.name for kind in FIELDS)}. Or one of {', '.join(NAMED)}."
        raise TriggerError(f"Found {len(texts)} fields in cron {expression[:80]!r}; {wanted}", "cron")
    minute, hour, monthday, month, weekday = texts
    lasts = {part for part in monthday.split(",") if part in (LAST, LAST_WEEKDAY)}
    nths = {part for part in weekday.split(",") if "#" in part or part.endswith(LAST)}
    return Sets(
        minutes=_numbers(MINUTE, minute, expression),
        hours=_numbers(HOUR, hour, expression),
        monthdays=_numbers(MONTHDAY, monthday, expression, lasts),
        last_days=lasts,
        months=_numbers(MONTH, month, expression),
        weekdays={number % 7 for number in _numbers(WEEKDAY, weekday, expression, nths)},
        nth_weekdays={_nth(part, weekday, expression) for part in nths},
        either=not (monthday.startswith("*") or weekday.startswith("*")),
        elapsed=minute.startswith("*") or hour.startswith("*"),
    )


def _numbers(kind: Kind, text: str, expression: str, without: Collection[str] = ()) -> set[int]:
    try:
        return {number for part in text.split(",") if part not in without for number in kind.numbers(part)}
    except ValueError:
        raise _refusal(kind, text, expression) from None


def _nth(part: str, text: str, expression: str) -> tuple[int, int]:
    name, _, nth = part.replace(LAST, "#-1").partition("#")
    try:
        return WEEKDAY.number(name) % 7, {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "-1": -1}[nth]
    except (KeyError, ValueError):
        raise _refusal(WEEKDAY, text, expression) from None


def _refusal(kind: Kind, text: str, expression: str) -> TriggerError:
    found = f"Found {text!r} as {kind.name} in cron {expression!r}"
    return TriggerError(f"{found}; wanted {kind.wanted}. Lists, ranges and steps are fine.", "cron")


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)
