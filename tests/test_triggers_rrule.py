# ruff: noqa: DTZ001 - a rule begins at a time on local clocks
"""When a job is due: recurrence rules of RFC 5545, beside python-dateutil and on clocks that change."""

import json
import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from core.triggers import RRule, TriggerError, from_json

NEW_YORK = "America/New_York"
START = datetime(1997, 9, 2, 9)  # a Tuesday


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(rule: RRule, moment: datetime, count: int, shape: str = "%Y-%m-%d %H:%M%z") -> list[str]:
    zone = ZoneInfo(rule.timezone)
    return [planned.astimezone(zone).strftime(shape) for planned in islice(rule.times(moment), count)]


class TestRules:
    @pytest.mark.parametrize(
        ("text", "days"),
        [
            ("FREQ=DAILY;COUNT=10", "09-02 09-03 09-04 09-05 09-06"),
            ("FREQ=DAILY;INTERVAL=10;COUNT=5", "09-02 09-12 09-22 10-02 10-12"),
            ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "09-02 09-16 09-30 10-14 10-28"),
            ("FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", "09-02 09-04 09-09 09-11 09-16"),
            ("FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR", "09-03 09-05 09-15 09-17 09-19"),
            ("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "09-05 10-03 11-07 12-05 01-02"),
            ("FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", "09-07 09-28 11-02 11-30 01-04"),
            ("FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "09-22 10-20 11-17 12-22 01-19"),
            ("FREQ=MONTHLY;BYMONTHDAY=-3", "09-28 10-29 11-28 12-29 01-29"),
            ("FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", "09-30 10-01 10-31 11-01 11-30"),
            ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "02-13 03-13 11-13 08-13 10-13"),
            ("FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", "09-13 10-11 11-08 12-13 01-10"),
            ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "09-04 10-07 11-06"),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "09-29 10-30 11-27 12-30 01-29"),
            ("FREQ=YEARLY;COUNT=10;BYMONTH=6,7", "06-02 07-02 06-02 07-02 06-02"),
            ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", "01-01 04-09 07-18 01-01 04-10"),
            ("FREQ=YEARLY;BYDAY=20MO", "05-18 05-17 05-15 05-14 05-20"),
            ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "05-11 05-17 05-15 05-14 05-13"),
            ("FREQ=YEARLY;BYWEEKNO=20", "05-12 05-18 05-16 05-15 05-14"),
            ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "03-05 03-12 03-19 03-26 03-04"),
            ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", "11-04 11-06 11-08 11-03 11-05"),
        ],
    )
    def test_days(self, text, days):
        rule = RRule(text, START, NEW_YORK)
        assert local(rule, utc("1990-01-01"), 5, "%m-%d") == days.split()
        assert {
            planned.astimezone(ZoneInfo(NEW_YORK)).hour for planned in islice(rule.times(utc("1990-01-01")), 50)
        } == {9}

    @pytest.mark.parametrize(
        ("text", "times"),
        [
            ("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000", "09:00 12:00 15:00"),
            ("FREQ=MINUTELY;INTERVAL=15;COUNT=6", "09:00 09:15 09:30 09:45 10:00 10:15"),
            ("FREQ=MINUTELY;INTERVAL=90;COUNT=4", "09:00 10:30 12:00 13:30"),
            ("FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,20,40;COUNT=4", "09:00 09:20 09:40 10:00"),
            ("FREQ=HOURLY;BYMINUTE=0,10,20,30;BYSETPOS=2,-1;COUNT=4", "09:10 09:30 10:10 10:30"),
            ("FREQ=SECONDLY;INTERVAL=1800;COUNT=3", "09:00 09:30 10:00"),
            ("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,11;BYMINUTE=0,2,56;COUNT=3", "09:00 09:56 09:02"),
        ],
    )
    def test_times(self, text, times):
        assert local(RRule(text, START, NEW_YORK), utc("1990-01-01"), 10, "%H:%M") == times.split()

    def test_without_a_start_it_begins_with_a_week_a_month_and_a_leap_year(self):
        first = utc("1990-01-01")
        assert local(RRule("FREQ=WEEKLY;INTERVAL=2"), first, 2, "%Y-%m-%d %a") == ["1996-01-01 Mon", "1996-01-15 Mon"]
        assert RRule("FREQ=MONTHLY", None, "Asia/Tokyo").after(utc("2026-11-26")) == utc("2026-11-30T15:00")
        assert RRule("FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29").after(utc("2026-11-26")) == utc("2028-02-29")

    def test_a_start_that_does_not_fit_is_no_planned_time(self):
        assert RRule("FREQ=MONTHLY;BYMONTHDAY=15", utc("2026-01-20T08:00")).after(utc("2025-01-01")) == utc(
            "2026-02-15T08:00"
        )

    def test_it_ends(self):
        assert RRule("FREQ=DAILY;COUNT=3", utc("2026-01-01")).after(utc("2026-01-03")) is None
        for until, last in [("20260103", 3), ("20260103T000000Z", 3), ("20260102T235959", 2)]:
            rule = RRule(f"FREQ=DAILY;UNTIL={until}", utc("2026-01-01"))
            assert [planned.day for planned in rule.times(utc("2025-01-01"))] == [*range(1, last + 1)]
        tokyo = RRule("FREQ=DAILY;BYHOUR=22;UNTIL=20260103", datetime(2026, 1, 1), "Asia/Tokyo")
        assert list(tokyo.times(utc("2025-01-01")))[-1] == utc("2026-01-03T13:00")

    def test_it_ends_at_the_second_of_two_times_and_before_one_that_does_not_exist(self):
        twice = RRule("FREQ=MINUTELY;INTERVAL=30;UNTIL=20261025T023000", utc("2026-10-25"), "Europe/Berlin")
        assert list(twice.times(utc("2026-10-25T01:00"))) == [utc("2026-10-25T01:30")]
        missing = RRule("FREQ=MINUTELY;INTERVAL=30;UNTIL=20270328T023000", utc("2027-03-28"), "Europe/Berlin")
        assert list(missing.times(utc("2027-03-28"))) == [utc("2027-03-28T00:30")]

    def test_json_there_and_back(self):
        rule = RRule("RRULE:freq=weekly; byday=mo", datetime(2026, 7, 1, 9, 0, 0, 999), "Europe/Berlin")
        data = {"rrule": "FREQ=WEEKLY;BYDAY=MO", "timezone": "Europe/Berlin", "starts_at": "2026-07-01T07:00:00Z"}
        assert rule.to_json() == data
        assert from_json(json.loads(json.dumps(data))) == rule
        assert from_json({"rrule": "FREQ=DAILY"}) == RRule("FREQ=DAILY")
        assert from_json({"rrule": "FREQ=DAILY"}).to_json() == {"rrule": "FREQ=DAILY", "timezone": "UTC"}


class TestClockChanges:
    def test_the_first_monday_stays_so_and_nine_stays_nine(self):
        rule = RRule("FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9", None, "Europe/Berlin")
        assert local(rule, utc("2027-02-20"), 2) == ["2027-03-01 09:00+0100", "2027-04-05 09:00+0200"]

    def test_a_time_that_does_not_exist_is_left_out_and_not_counted(self):
        rule = RRule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30;COUNT=3", datetime(2027, 3, 27, 2, 30), "Europe/Berlin")
        assert local(rule, utc("2027-01-01"), 9, "%d %H:%M") == ["27 02:30", "29 02:30", "30 02:30"]
        notes = [note for _, note in rule.times_with_notes(utc("2027-01-01"))]
        assert notes == [None, "02:30 does not exist on 2027-03-28 and is left out", None]

    def test_a_time_that_comes_twice_counts_once(self):
        rule = RRule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", None, "Europe/Berlin")
        assert local(rule, utc("2026-10-24T12:00"), 2) == ["2026-10-25 02:30+0200", "2026-10-26 02:30+0100"]
        assert rule.note(utc("2026-10-25T00:30")) == "02:30 comes twice on this day; runs at the first"

    @pytest.mark.parametrize(
        ("day", "hours"), [("2027-03-27T23:00", 23), ("2026-10-24T22:00", 25), ("2026-05-04T22:00", 24)]
    )
    def test_hours_minutes_and_seconds_are_elapsed_time(self, day, hours):
        start = utc(day) - timedelta(microseconds=1)
        for text, each in [("FREQ=HOURLY", 1), ("FREQ=MINUTELY;INTERVAL=15", 4), ("FREQ=SECONDLY;INTERVAL=600", 6)]:
            rule = RRule(text, None, "Europe/Berlin")
            assert len(rule.between(start, start + timedelta(hours=hours), 1_000)) == hours * each

    def test_a_start_in_the_second_pass(self):
        rule = RRule("FREQ=DAILY", utc("2026-10-25T01:30"), "Europe/Berlin")
        assert rule.after(utc("2026-01-01")) == utc("2026-10-26T01:30")
        assert RRule("FREQ=HOURLY", utc("2026-10-25T01:30"), "Europe/Berlin").after(utc("2026-01-01")) == utc(
            "2026-10-25T01:30"
        )


def parts(dice: random.Random, freq: str) -> list[str]:
    """Return random parts that have a meaning with *freq*, and one that python-dateutil shares."""

    def some(low: int, high: int, most: int = 3) -> str:
        return ",".join(str(dice.randint(low, high)) for _ in range(dice.randint(1, most)))

    def signed(high: int) -> str:
        return ",".join(str(dice.choice([1, -1]) * dice.randint(1, high)) for _ in range(dice.randint(1, 3)))

    def days(most: int = 0) -> str:
        nth = [str(dice.choice([1, -1]) * dice.randint(1, most)) if most else "" for _ in range(3)]
        return ",".join(n + dice.choice(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]) for n in nth[: dice.randint(1, 3)])

    may = {
        "INTERVAL": str(dice.choice([1, 2, 3, 5, 7, 12])),
        "BYMONTH": some(1, 12),
        "BYHOUR": some(0, 23),
        "BYMINUTE": some(0, 59),
        "BYSECOND": some(0, 59, 2),
        "WKST": dice.choice(["MO", "SU", "WE"]),
        "BYDAY": days(4) if freq in ("MONTHLY", "YEARLY") and dice.random() < 0.5 else days(),
    }
    if freq != "WEEKLY":
        may["BYMONTHDAY"] = signed(31)
    if freq in ("YEARLY", "HOURLY", "MINUTELY", "SECONDLY"):
        may["BYYEARDAY"] = signed(366)
    if freq == "YEARLY" and dice.random() < 0.2:
        return ["BYDAY=" + days(50)]
    chosen = {name: may[name] for name in may if dice.random() < 0.35}
    if freq == "YEARLY" and dice.random() < 0.2:
        chosen |= {"BYWEEKNO": some(1, 53), "BYDAY": days()}
    if dice.random() < 0.3 and len(chosen) > 1:
        chosen["BYSETPOS"] = signed(6)
    return [f"{name}={value}" for name, value in chosen.items()]


@pytest.mark.parametrize("freq", ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"])
def test_random_rules_beside_dateutil(freq):
    dice, compared = random.Random(f"5545 {freq}"), 0
    for _ in range(80):
        text = ";".join([f"FREQ={freq}", *parts(dice, freq)])
        start = datetime(2020, 1, 1) + timedelta(seconds=dice.randrange(10**8))
        try:
            rule = RRule(text, start)
        except TriggerError:
            continue
        # Python-dateutil counts BYSETPOS in the first week from the start on, in the first month and year in all of it.
        since = (start + timedelta(days=7 if freq == "WEEKLY" else 0)).replace(tzinfo=UTC)
        found = list(islice(rule.times(since - timedelta(seconds=1)), 25))
        found = [planned for planned in found if planned.year < 2050]
        if not found:
            continue
        compared += 1
        theirs = (at.replace(tzinfo=UTC) for at in rrulestr(text, dtstart=start))
        wanted = list(islice((at for at in theirs if at >= since), len(found)))
        assert found == wanted, (text, start)
        assert all(rule.after(found[n]) == found[n + 1] for n in range(len(found) - 1)), (text, start)
        assert all(rule.after(found[n + 1] - timedelta(microseconds=1)) == found[n + 1] for n in range(len(found) - 1))
    assert compared > 40


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (5, "Found rrule 5"),
            ("x" * 513, "at most 512"),
            ("", "parts such as FREQ=DAILY"),
            ("BYHOUR=5", "no FREQ"),
            ("FREQ=FORTNIGHTLY", "'FORTNIGHTLY' as FREQ"),
            ("FREQ=DAILY;FREQ=DAILY", "FREQ twice"),
            ("FREQ=DAILY;DTSTART=20260101T000000", "starts_at"),
            ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "starts_at"),
            ("FREQ=DAILY;BYEASTER=1", "'BYEASTER=1'"),
            ("FREQ=DAILY;INTERVAL=0", "'0' as INTERVAL"),
            ("FREQ=DAILY;INTERVAL=0.5", "'0.5' as INTERVAL"),
            ("FREQ=SECONDLY;INTERVAL=9999999999", "'9999999999' as INTERVAL"),
            ("FREQ=YEARLY;INTERVAL=51", "fifty years"),
            ("FREQ=DAILY;COUNT=0", "'0' as COUNT"),
            ("FREQ=DAILY;COUNT=10001", "1 to 10000"),
            ("FREQ=YEARLY;COUNT=200", "a hundred years"),
            ("FREQ=DAILY;COUNT=1;UNTIL=20300101", "COUNT and UNTIL"),
            ("FREQ=DAILY;UNTIL=2030", "as UNTIL"),
            ("FREQ=DAILY;UNTIL=20301301", "as UNTIL"),
            ("FREQ=DAILY;BYHOUR=24", "'24' as BYHOUR"),
            ("FREQ=DAILY;BYSECOND=60", "0 to 59"),
            ("FREQ=DAILY;BYMONTHDAY=0", "'0' as BYMONTHDAY"),
            ("FREQ=DAILY;BYDAY=XX", "'XX' as BYDAY"),
            ("FREQ=DAILY;BYDAY=1MO", "numbered BYDAY"),
            ("FREQ=MONTHLY;BYWEEKNO=5", "BYWEEKNO with FREQ=MONTHLY"),
            ("FREQ=WEEKLY;BYMONTHDAY=5", "BYMONTHDAY with FREQ=WEEKLY"),
            ("FREQ=DAILY;BYHOUR=²", "as BYHOUR"),
            (
                f"FREQ=DAILY;BYMINUTE={','.join(map(str, range(60)))};BYSECOND={','.join(map(str, range(60)))}",
                "1440 times",
            ),
            ("FREQ=DAILY;UNTIL=19800101", "never fires"),
            ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "never fires"),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never fires"),
            ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "never fires"),
            ("FREQ=MONTHLY;BYDAY=6MO", "never fires"),
            ("FREQ=WEEKLY;BYSETPOS=366", "never fires"),
            ("FREQ=SECONDLY;INTERVAL=2;BYSECOND=1,3,5", "never fires"),
            ("FREQ=SECONDLY;INTERVAL=86399;BYHOUR=3;BYMINUTE=3;BYSECOND=3", "never fires"),
        ],
    )
    def test_what_is_refused(self, text, words):
        with pytest.raises(TriggerError) as caught:
            RRule(text)
        assert words in str(caught.value)
        assert caught.value.field == "rrule"
        assert len(str(caught.value)) < 500

    @pytest.mark.parametrize("starts_at", ["2026-01-01", datetime(1, 1, 1), datetime(9999, 12, 31)])
    def test_starts_that_are_none(self, starts_at):
        with pytest.raises(TriggerError) as caught:
            RRule("FREQ=DAILY", starts_at)
        assert caught.value.field == "starts_at"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FREQ=DAILY", "Every day at 00:00"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9", "Every month on the first Monday at 09:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,-1", "Every month on the 15th and last day at 00:00"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;BYHOUR=9,17", "Every 2 weeks on Monday and Friday at 09:00 and 17:00"),
        ("FREQ=YEARLY", "Every year on January 1 at 00:00"),
        ("FREQ=YEARLY;BYDAY=-1FR", "Every year on the last Friday of the year at 00:00"),
        ("FREQ=YEARLY;BYWEEKNO=1,-1;BYDAY=MO", "Every year on Monday in week 1 and the last week of the year at 00:00"),
        ("FREQ=YEARLY;BYYEARDAY=100,-2", "Every year on the 100th and second to last day of the year at 00:00"),
        ("FREQ=DAILY;BYDAY=FR;BYMONTHDAY=13", "Every day on the 13th day of the month if it is Friday at 00:00"),
        ("FREQ=DAILY;BYMONTH=6,12", "Every day in June and December at 00:00"),
        ("FREQ=HOURLY;BYMINUTE=30;BYHOUR=9,10,11,14", "Every hour at minute 30 in hours 9 to 11 and 14"),
        ("FREQ=MINUTELY;INTERVAL=20", "Every 20 minutes"),
        ("FREQ=SECONDLY;BYSECOND=0,30", "Every second at seconds 0 and 30"),
        ("FREQ=DAILY;BYHOUR=0,6,12,18,23;BYSECOND=5", "Every day at 5 times from 00:00:05 to 23:00:05"),
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=12", "Every day on Monday through Friday at 00:00, 12 times"),
        (
            "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=-1",
            "Every month on Saturday and Sunday at 00:00, but only the last of these in each month",
        ),
        ("FREQ=DAILY;UNTIL=20301231T120000Z", "Every day at 00:00, until 2030-12-31 12:00:00 UTC"),
        ("FREQ=DAILY;COUNT=1", "Every day at 00:00, once"),
    ],
)
def test_in_words(text, words):
    assert RRule(text).describe() == f"{words} (UTC)"
    assert RRule(text, utc("2026-01-01"), "Asia/Tokyo").describe().endswith(", from 2026-01-01 09:00:00 (Asia/Tokyo)")
