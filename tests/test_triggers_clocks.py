# ruff: noqa: DTZ001 - times on local clocks
"""From local clocks to instants: what cron and recurrence rules share, in odd places."""

import random
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest

from core.triggers import Cron, RRule, clocks
from core.triggers.clocks import PROBE, instant_of, stretch_at
from core.triggers.cronwalls import cron_walls
from tests.cron_oracle import changes, shown

MICROSECOND = timedelta(microseconds=1)
ZONES = ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Gaza", "Europe/Dublin"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def walls(text: str, start: datetime, since: datetime, end: datetime) -> list[datetime]:
    """Return what the rule that begins at *start* names from *since* to *end* on clocks that never change, naive."""
    rule = RRule(text, start.replace(tzinfo=UTC))
    within = takewhile(
        lambda planned: planned < end.replace(tzinfo=UTC), rule.times(since.replace(tzinfo=UTC) - MICROSECOND)
    )
    return [planned.replace(tzinfo=None) for planned in within]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "day", ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,SA,FR", "FREQ=MONTHLY;BYDAY=SU", "FREQ=YEARLY;BYDAY=SU"]
)
def test_days_and_longer_count_what_exists_once(zone, day):
    text, start = f"{day};BYHOUR=0,1,2,3,23;BYMINUTE=0,15,45", datetime(2026, 1, 1)
    shows, wanted = ZoneInfo(zone), []
    for wall in walls(text, start, start, datetime(2028, 1, 1)):
        placed = wall.replace(tzinfo=shows).astimezone(UTC)
        if placed.astimezone(shows).replace(tzinfo=None) == wall:
            wanted.append(placed)
    rule = RRule(text, start, zone)
    assert rule.between(wanted[0] - MICROSECOND, wanted[-1], 10**6) == wanted
    dice = random.Random(zone)
    for number in [dice.randrange(1, len(wanted)) for _ in range(100)]:
        assert rule.after(wanted[number - 1]) == rule.after(wanted[number] - MICROSECOND) == wanted[number]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "text", ["FREQ=MINUTELY;INTERVAL=7", "FREQ=HOURLY;INTERVAL=2;BYMINUTE=0,30", "FREQ=SECONDLY;INTERVAL=4500"]
)
def test_hours_and_shorter_count_whenever_clocks_show_them(zone, text):
    start = datetime(2027, 1, 1)
    for change in islice(changes(zone, range(2027, 2028)), 2):
        begin, end = change - timedelta(hours=9), change + timedelta(hours=9)
        named = set(
            walls(
                text,
                start,
                begin.replace(tzinfo=None) - timedelta(days=1),
                end.replace(tzinfo=None) + timedelta(days=1),
            )
        )
        midnight = datetime.min.time()
        minutes = [
            (at.utc, datetime.combine(at.day, midnight) + timedelta(minutes=at.minute))
            for at in shown(zone, begin, end)
        ]
        wanted = [moment for moment, wall in minutes if wall in named]
        assert RRule(text, start, zone).between(begin - MICROSECOND, end - MICROSECOND, 10**6) == wanted


def test_clocks_that_change_in_the_middle_of_a_minute():
    """Monrovia went from 00:00:00 to 00:44:30 on 1972-01-07; before, its minutes began 30 seconds into those of UTC."""
    monrovia, start = Cron("30 0 * * *", "Africa/Monrovia"), utc("1972-01-05")
    moved = utc("1972-01-07T00:45")
    assert monrovia.between(start, utc("1972-01-09"), 9) == [
        utc("1972-01-05T01:14:30"),
        utc("1972-01-06T01:14:30"),
        moved,
        utc("1972-01-08T00:30"),
    ]
    assert monrovia.after(moved - timedelta(seconds=20)) == moved
    assert monrovia.after(moved) == utc("1972-01-08T00:30")
    assert monrovia.note(moved) == "00:30 does not exist on this day; runs at 00:45"


def test_seconds_in_the_middle_of_a_broken_minute():
    rule = RRule("FREQ=SECONDLY", utc("1970-01-01"), "Africa/Monrovia")
    for second in (0, 1, 29, 30, 31):
        moment = utc("1972-01-07T00:44:30") + timedelta(seconds=second)
        assert rule.after(moment) == moment + timedelta(seconds=1)


def test_walls_begin_with_the_one_asked_for():
    assert next(cron_walls("* * * * *").walls(60)) == 60
    assert next(cron_walls("* * * * *").walls(61)) == 120


def test_what_stands_at_the_first_minute_after_a_gap_anyway_comes_once():
    berlin = Cron("0,30 2,3 * * *", "Europe/Berlin")
    assert berlin.between(utc("2027-03-28"), utc("2027-03-28T01:30"), 9) == [
        utc("2027-03-28T01:00"),
        utc("2027-03-28T01:30"),
    ]


def test_a_gap_at_the_very_start_of_a_question():
    berlin = Cron("30 2 * * *", "Europe/Berlin")
    for moment in ["2027-03-28T00:59:59", "2027-03-28T00:59:59.999999", "2027-03-27T01:30"]:
        assert berlin.after(utc(moment)) == utc("2027-03-28T01:00")
    assert berlin.after(utc("2027-03-28T01:00")) == utc("2027-03-29T00:30")


def test_a_time_far_ahead_is_reached_without_all_the_clock_changes_between():
    clocks._stretches.cache_clear()
    rule = RRule("FREQ=YEARLY;INTERVAL=50;BYHOUR=12", utc("1996-06-01T12:00"), "America/Nuuk")
    assert rule.after(utc("1996-12-01")).year == 2046
    assert clocks._stretches.cache_info().misses < 12


@pytest.mark.parametrize("zone", [*ZONES, "Pacific/Apia", "America/Recife", "Asia/Tokyo"])
def test_stretches_are_seamless_and_have_one_offset(zone):
    shows, end = ZoneInfo(zone), instant_of(utc("2040-01-01"))
    stretch = stretch_at(zone, instant_of(utc("1999-12-31T23:59")))
    while stretch.start < end:
        for moment in {stretch.start, stretch.end - 1, *range(stretch.start, stretch.end, PROBE // 5)}:
            offset = datetime.fromtimestamp(moment, shows).utcoffset()
            assert offset == timedelta(seconds=stretch.offset)
        following = stretch_at(zone, stretch.end)
        assert (following.start, following.before, following.offset) == (stretch.end, stretch.offset, stretch.after)
        stretch = following
