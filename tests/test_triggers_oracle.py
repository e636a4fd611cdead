"""Cron against brute force, minute by minute, around clock changes; and the brute force against cases by hand."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest

from core.triggers import Cron
from tests.cron_oracle import Expression, differences, expressions, fires, parsed, possible, windows

BEFORE = timedelta(microseconds=1)
# Midnight gaps, half an hour, negative daylight saving, Ramadan, changes for ever, and one zone of each kind of day.
TELLING = [
    "Africa/Cairo", "Africa/Casablanca", "America/Havana", "America/New_York", "America/Santiago", "Asia/Beirut",
    "Asia/Gaza", "Atlantic/Azores", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Pacific/Chatham",
]  # fmt: skip


def local(expression: str, zone: str, day: str, days: int = 1) -> list[str]:
    """Return when the brute force fires on a day of *zone*, as its clocks show it; ours has to agree."""
    begin = datetime.fromisoformat(day)
    start = begin.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = (begin + timedelta(days=days)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = fires(expression, zone, start, end)
    assert Cron(expression, zone).between(start - BEFORE, end - BEFORE, 10_000) == found
    return [utc.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z") for utc in found]


class TestByHand:
    @pytest.mark.parametrize(
        ("expression", "zone", "day", "planned"),
        [
            ("30 2 * * *", "Europe/Berlin", "2027-03-28", "03:00+0200"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25", "02:30+0200"),
            ("0 3 * * *", "Europe/Berlin", "2027-03-28", "03:00+0200"),
            ("0,30 1-3 * * *", "Europe/Berlin", "2027-03-28", "01:00+0100, 01:30+0100, 03:00+0200, 03:30+0200"),
            ("59 1-2 * * *", "Europe/Berlin", "2026-10-25", "01:59+0200, 02:59+0200"),
            ("*/30 2 25 * *", "Europe/Berlin", "2026-10-25", "02:00+0200, 02:30+0200, 02:00+0100, 02:30+0100"),
            ("30 2 * * *", "America/New_York", "2027-03-14", "03:00-0400"),
            ("30 1 * * *", "America/New_York", "2026-11-01", "01:30-0400"),
            ("*/30 1 * * *", "America/New_York", "2026-11-01", "01:00-0400, 01:30-0400, 01:00-0500, 01:30-0500"),
            ("0 0 * * *", "America/Santiago", "2026-09-06", "01:00-0300"),
            ("15,45 0 * * sun", "America/Santiago", "2026-09-06", "01:00-0300"),
            ("30 23 * * *", "America/Santiago", "2026-04-04", "23:30-0300"),
            ("* 0 * * *", "America/Santiago", "2026-09-06", ""),
            ("0 0 * * *", "America/Havana", "2026-03-08", "01:00-0400"),
            ("0 0 * * 0", "Asia/Beirut", "2026-03-29", "01:00+0300"),
            ("0 0 * * fri", "Africa/Cairo", "2026-04-24", "01:00+0300"),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", "01:45+1100"),
            ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", "02:30+1100"),
            ("*/20 1,2 * * *", "Australia/Lord_Howe", "2026-10-04", "01:00+1030, 01:20+1030, 01:40+1030, 02:40+1100"),
            ("*/20 1 * * *", "Australia/Lord_Howe", "2026-04-05", "01:00+1100, 01:20+1100, 01:40+1100, 01:40+1030"),
            ("30 1 * * *", "Europe/Dublin", "2027-03-28", "02:00+0100"),
            ("30 1 * * *", "Europe/Dublin", "2026-10-25", "01:30+0100"),
            ("30 2 * * *", "Africa/Casablanca", "2026-03-22", "03:00+0100"),
            ("30 2 * * *", "Africa/Casablanca", "2026-02-15", "02:30+0100"),
            ("0 12 * * *", "Asia/Pyongyang", "2018-05-05", "12:00+0900"),
            ("30,45 23 4 5 *", "Asia/Pyongyang", "2018-05-05", "00:00+0900"),
        ],
    )  # fmt: skip
    def test_days_of_clock_changes(self, expression, zone, day, planned):
        assert ", ".join(at[3:] for at in local(expression, zone, day)) == planned

    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            ("Europe/Berlin", "2027-03-28", 23),
            ("Europe/Berlin", "2026-10-25", 25),
            ("America/New_York", "2027-03-14", 23),
            ("America/New_York", "2026-11-01", 25),
            ("Australia/Lord_Howe", "2026-04-05", 24.5),
            ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ],
    )
    def test_four_times_in_each_real_hour(self, zone, day, hours):
        assert len(local("*/15 * * * *", zone, day)) == 4 * hours

    def test_a_day_that_did_not_exist(self):
        assert local("30 2 * * *", "Pacific/Apia", "2011-12-29", 4) == [
            "29 02:30-1000", "31 00:00+1400", "31 02:30+1400", "01 02:30+1400",
        ]  # fmt: skip
        assert local("0 9 * * fri", "Pacific/Apia", "2011-12-29", 4) == ["31 00:00+1400"]
        assert local("*/30 9 30 12 *", "Pacific/Apia", "2011-12-29", 4) == []

    @pytest.mark.parametrize(
        ("text", "day", "fits"),
        [
            ("0 0 L * *", "2028-02-29", True),
            ("0 0 L * *", "2027-02-28", True),
            ("0 0 LW * *", "2026-05-29", True),
            ("0 0 LW * *", "2026-05-31", False),
            ("0 0 * * 5L", "2026-01-30", True),
            ("0 0 * * 5L", "2026-01-23", False),
            ("0 0 * * mon#2", "2026-01-12", True),
            ("0 0 * * 7#1", "2026-01-04", True),
            ("0 0 13 * fri", "2026-01-13", True),
            ("0 0 13 * fri", "2026-01-16", True),
            ("0 0 */13 * fri", "2026-01-16", False),
            ("0 0 13 * */5", "2026-03-13", True),
            ("0 0 13 * */5", "2026-01-13", False),
            ("0 0 * * 5-7", "2026-01-04", True),
            ("0 0 1 1 *", "2026-02-01", False),
        ],
    )
    def test_days(self, text, day, fits):
        moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
        assert Expression(text).on(moment.date()) is fits
        assert (Cron(text).after(moment - BEFORE) == moment) is fits


def test_random_expressions_around_clock_changes():
    """A sample; ``make oracle`` compares 500 expressions in all zones."""
    dice = random.Random(20261025)
    zones = [*TELLING, *dice.sample(sorted(available_timezones() - set(TELLING) - {"localtime"}), 8)]
    texts = list(islice(filter(possible, expressions(dice)), 60))
    changed = 0
    for zone, around in windows(zones, range(2026, 2028)).items():
        for text in texts:
            window = dice.choice(around)
            changed += window.changes
            wanted = window.fires(parsed(text))
            assert differences(text, zone, window, wanted) == [], (text, zone, window.minutes[0])
    assert changed > 700


@pytest.mark.parametrize(
    "text",
    [
        "0 0 31 2 *",
        "0 0 30 2 *",
        "0 0 */31 2,4 mon",
        "0 0 */29 2 0#2",
        "0 0 29 2 *",
        "0 0 */29 2 mon#5",
        "0 0 */29 * 0#1",
    ],
)
def test_what_never_fires_by_brute_force_is_refused(text):
    expression = Expression(text)
    days = (date(2000, 1, 1) + timedelta(days=day) for day in range(28 * 365 + 7))
    assert possible(text) == any(expression.on(day) for day in days)
