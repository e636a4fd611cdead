"""The text of a recurrence rule (RFC 5545, 3.3.10) as a record."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from core.triggers.plan import TriggerError

LONGEST = 512
FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
FIFTY_YEARS = {
    "YEARLY": 50,
    "MONTHLY": 600,
    "WEEKLY": 2_600,
    "DAILY": 18_250,
    "HOURLY": 438_000,
    "MINUTELY": 26_280_000,
    "SECONDLY": 1_576_800_000,
}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_TIMES = 1_440  # times of one day that BYHOUR, BYMINUTE and BYSECOND may name together
MOST_COUNT = 10_000
# What RFC 5545 gives no meaning to: its table of BYxxx parts by FREQ.
WITHOUT_MEANING = {
    "BYWEEKNO": FREQUENCIES[1:],
    "BYYEARDAY": ("MONTHLY", "WEEKLY", "DAILY"),
    "BYMONTHDAY": ("WEEKLY",),
}
Numbers: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """A rule's parts; what it does not say is empty or None.

    *byday* holds pairs of a weekday (Monday is 0) and which of the month or year it is, 0 for each. *until* is naive
    where it is a time on local clocks.
    """

    freq: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    bysecond: Numbers = ()
    byminute: Numbers = ()
    byhour: Numbers = ()
    byday: tuple[tuple[int, int], ...] = ()
    bymonthday: Numbers = ()
    byyearday: Numbers = ()
    byweekno: Numbers = ()
    bymonth: Numbers = ()
    bysetpos: Numbers = ()
    wkst: int = 0


def normal(text: object) -> str:
    """Return the text of a rule in capitals, without spaces and without the word RRULE.

    Raises:
        TriggerError: it is no text, or a long one.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        found = repr(text)[:80]
        wanted = f"wanted text of at most {LONGEST} characters such as 'FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9'"
        raise TriggerError(f"Found rrule {found}; {wanted}.", "rrule")
    return "".join(text.split()).upper().removeprefix("RRULE:").strip(";")


def read(text: str) -> Rule:
    """Return the rule of a normal text.

    Raises:
        TriggerError: it is no rule, or one that RFC 5545 gives no meaning to.
    """
    parts: dict[str, Any] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if name not in READERS or not equals:
            hint = " Say when it begins with starts_at." if name.startswith("DTSTART") else ""
            raise _refusal(
                text, f"found {part[:40]!r}; wanted parts such as FREQ=DAILY, of {', '.join(READERS)}.{hint}"
            )
        if name.lower() in parts:
            raise _refusal(text, f"found {name} twice; wanted each part once.")
        wanted, reader = READERS[name]
        try:
            parts[name.lower()] = reader(value)
        except (ValueError, KeyError):
            raise _refusal(text, f"found {value[:40]!r} as {name}; wanted {wanted}.") from None
    if "freq" not in parts:
        raise _refusal(text, f"found no FREQ; wanted one of {', '.join(FREQUENCIES)}.")
    rule = Rule(**parts)
    _check(text, rule)
    return rule


def _check(text: str, rule: Rule) -> None:
    for name, frequencies in WITHOUT_MEANING.items():
        if getattr(rule, name.lower()) and rule.freq in frequencies:
            raise _refusal(text, f"found {name} with FREQ={rule.freq}, which RFC 5545 gives no meaning to.")
    if any(nth for _, nth in rule.byday) and (rule.freq not in FREQUENCIES[:2] or rule.byweekno):
        raise _refusal(text, "found a numbered BYDAY such as 1MO; it wants FREQ=MONTHLY or YEARLY, without BYWEEKNO.")
    if rule.count is not None and rule.until is not None:
        raise _refusal(text, "found COUNT and UNTIL; wanted one of them.")
    if rule.interval > FIFTY_YEARS[rule.freq]:
        raise _refusal(text, f"found INTERVAL={rule.interval}; wanted at most fifty years.")
    times = max(1, len(rule.byhour)) * max(1, len(rule.byminute)) * max(1, len(rule.bysecond))
    if times > MOST_TIMES and rule.freq in FREQUENCIES[:4]:
        raise _refusal(text, f"found more than {MOST_TIMES} times a day; wanted FREQ=MINUTELY or SECONDLY for those.")


def _refusal(text: str, words: str) -> TriggerError:
    return TriggerError(f"In rrule {text[:80]!r}: {words}", "rrule")


def _number(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise ValueError(text)
    return int(text)


def _numbers(low: int, high: int) -> Callable[[str], Numbers]:
    def read_numbers(text: str) -> Numbers:
        return tuple(sorted({_number(part, low, high) for part in text.split(",")}))

    return read_numbers


def _signed(high: int) -> Callable[[str], Numbers]:
    def read_numbers(text: str) -> Numbers:
        numbers = _numbers(-high, high)(text)
        if 0 in numbers:
            raise ValueError(text)
        return numbers

    return read_numbers


def _weekdays(text: str) -> tuple[tuple[int, int], ...]:
    found = {(WEEKDAYS.index(part[-2:]), _signed(53)(part[:-2])[0] if part[:-2] else 0) for part in text.split(",")}
    return tuple(sorted(found))


def _until(text: str) -> datetime:
    """Read a day, which counts to its end, a local time or, with a Z, one in UTC."""
    if not re.fullmatch(r"[0-9]{8}(T[0-9]{6}Z?)?", text):
        raise ValueError(text)
    found = datetime.fromisoformat(text)
    return found if "T" in text else found.replace(hour=23, minute=59, second=59)


def _frequency(text: str) -> str:
    return FREQUENCIES[FREQUENCIES.index(text)]


READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "FREQ": (f"one of {', '.join(FREQUENCIES)}", _frequency),
    "INTERVAL": ("a whole number from 1", lambda text: _number(text, 1, 10**9 * 9)),
    "COUNT": (f"1 to {MOST_COUNT}", lambda text: _number(text, 1, MOST_COUNT)),
    "UNTIL": ("a time such as 20271231T235959Z (UTC), 20271231T235959 (local) or a day, 20271231", _until),
    "BYSECOND": ("0 to 59", _numbers(0, 59)),
    "BYMINUTE": ("0 to 59", _numbers(0, 59)),
    "BYHOUR": ("0 to 23", _numbers(0, 23)),
    "BYDAY": ("days such as MO,FR, or 1MO (the first) and -1FR (the last)", _weekdays),
    "BYMONTHDAY": ("1 to 31, or -1 (the last day) to -31", _signed(31)),
    "BYYEARDAY": ("1 to 366, or -1 (the last day) to -366", _signed(366)),
    "BYWEEKNO": ("1 to 53, or -1 (the last week) to -53", _signed(53)),
    "BYMONTH": ("1 to 12", _numbers(1, 12)),
    "BYSETPOS": ("1 to 366, or -1 (the last) to -366", _signed(366)),
    "WKST": (f"one of {', '.join(WEEKDAYS)}", WEEKDAYS.index),
}
