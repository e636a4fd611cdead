# ruff: noqa: DTZ001 - times on local clocks
"""What previews say about clock changes; and what holds for all triggers, whatever comes in."""

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.triggers import At, Cron, Every, RRule, Trigger, TriggerError, from_json
from core.triggers.rules import READERS

MICROSECOND = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def notes(trigger: Trigger, start: str, end: str) -> dict[str, str]:
    """Return the notes of the planned times from *start* to *end*, by time."""
    planned = takewhile(lambda found: found[0] <= utc(end), trigger.times_with_notes(utc(start) - MICROSECOND))
    return {f"{moment:%d %H:%M}": note for moment, note in planned if note}


class TestNotes:
    @pytest.mark.parametrize(
        ("expression", "zone", "day", "found"),
        [
            (
                "30 2 * * *",
                "Europe/Berlin",
                "2027-03-28",
                {"28 01:00": "02:30 does not exist on this day; runs at 03:00"},
            ),
            (
                "0,30 2 * * *",
                "Europe/Berlin",
                "2027-03-28",
                {"28 01:00": "02:00 and 02:30 do not exist on this day; runs once, at 03:00"},
            ),
            (
                "1-59 2,3 * * *",
                "Europe/Berlin",
                "2027-03-28",
                {"28 01:00": "59 times from 02:01 to 02:59 do not exist on this day; runs once, at 03:00"},
            ),
            (
                "30 2 * * *",
                "Europe/Berlin",
                "2026-10-25",
                {"25 00:30": "02:30 comes twice on this day; runs at the first"},
            ),
            ("0 7 * * *", "Europe/Berlin", "2027-03-28", {}),
            (
                "*/30 * * * *",
                "Europe/Berlin",
                "2027-03-28",
                {"28 01:00": "02:00 and 02:30 do not exist on this day and are left out"},
            ),
            (
                "*/30 2 * * *",
                "Europe/Berlin",
                "2027-03-27",
                {"29 00:00": "02:00 and 02:30 do not exist on 2027-03-28 and are left out"},
            ),
            (
                "0 * * * *",
                "Europe/Berlin",
                "2026-10-25",
                {
                    "25 00:00": "02:00 comes twice on this day; runs at both, this is the first",
                    "25 01:00": "02:00 comes twice on this day; runs at both, this is the second",
                },
            ),
            (
                "15 2 * * *",
                "Australia/Lord_Howe",
                "2026-10-03",
                {"03 15:30": "02:15 does not exist on this day; runs at 02:30"},
            ),
            (
                "0 9 * * fri",
                "Pacific/Apia",
                "2011-12-29",
                {"30 10:00": "09:00 does not exist on 2011-12-30; runs at 2011-12-31 00:00"},
            ),
            (
                "0 0,1 * * *",
                "America/Santiago",
                "2026-09-05",
                {"06 04:00": "00:00 does not exist on this day; runs at 01:00"},
            ),
        ],
    )
    def test_of_cron(self, expression, zone, day, found):
        end = utc(day) + timedelta(hours=49)
        assert notes(Cron(expression, zone), day, end.isoformat()[:19]) == found

    def test_of_one_planned_time(self):
        cron = Cron("30 2 * * *", "Europe/Berlin")
        assert cron.note(utc("2027-03-28T01:00")) == "02:30 does not exist on this day; runs at 03:00"
        assert cron.note(utc("2027-03-28T01:30")) is None
        assert cron.note(utc("2027-05-28T00:30")) is None
        assert Cron("*/30 2 * * *", "Europe/Berlin").note(utc("2027-03-29T00:00")) is not None
        assert Every(3600).note(utc("2027-03-28T01:00")) is None

    def test_of_a_moment_on_local_clocks(self):
        missing = At(datetime(2027, 3, 28, 2, 30), "Europe/Berlin")
        assert list(missing.times_with_notes(utc("2026-01-01"))) == [
            (utc("2027-03-28T01:00"), "02:30 does not exist on this day; runs at 03:00")
        ]
        twice = At(datetime(2026, 10, 25, 2, 30), "Europe/Berlin")
        assert twice.note(utc("2026-10-25T00:30")) == "02:30 comes twice on this day; runs at the first"
        for plain in (At(datetime(2026, 7, 1), "Europe/Berlin"), At(utc("2026-10-25T00:30"), "Europe/Berlin")):
            assert plain.note(plain.moment) is None


class TestStretches:
    @pytest.mark.parametrize(
        "trigger",
        [
            Cron("* * * * *", "Europe/Berlin"),
            Cron("0 0 29 2 *"),
            Every(1),
            Every(86_400 * 365),
            Every(60, utc("2026-11-01")),
            At(utc("2026-11-01")),
            RRule("FREQ=SECONDLY"),
            RRule("FREQ=YEARLY;INTERVAL=30"),
            RRule("FREQ=DAILY;COUNT=5"),
        ],
    )
    def test_the_latest_is_found_at_once_however_far_apart_the_ends(self, trigger):
        start, end = utc("1900-01-01"), utc("2026-11-26T02:30:00.5")
        begin = time.thread_time()
        latest = trigger.latest(start, end)
        assert time.thread_time() - begin < 0.1
        assert latest is not None
        assert latest <= end
        following = trigger.after(latest)
        assert following is None or following > end
        assert trigger.latest(latest - MICROSECOND, latest) == latest
        assert trigger.latest(latest, end) is None
        assert trigger.latest(end, start) is None

    def test_counting(self):
        start, end = utc("2000-01-01"), utc("2026-01-01")
        seconds = int((end - start).total_seconds())
        begin = time.thread_time()
        assert Every(1).count_between(start, end, 10**12) == seconds
        assert Every(1).count_between(start, end, 10) == 10
        assert Cron("* * * * *").count_between(start, end, 500) == 500
        assert time.thread_time() - begin < 0.05
        assert Every(60, utc("2025-12-31")).count_between(start, end, 10**6) == 1441
        assert Every(60).count_between(end, start, 5) == 0
        assert At(end).count_between(start, end, 5) == 1


MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca"])
CRONS = st.sampled_from(
    ["*/7 * * * *", "30 2 * * *", "0 */5 * * *", "15,45 0-3 * * sun", "0 0 LW * *", "0 1 1 * mon#1"]
)
RULES = st.sampled_from(
    [
        "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
        "FREQ=HOURLY;INTERVAL=5;BYMINUTE=0,30",
        "FREQ=MINUTELY;INTERVAL=35",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=WEEKLY;INTERVAL=3;COUNT=200",
        "FREQ=SECONDLY;INTERVAL=100000",
        "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=SU,MO",
    ]
)
TRIGGERS = st.one_of(
    st.builds(Cron, CRONS, ZONES),
    st.builds(RRule, RULES, st.none() | MOMENTS, ZONES),
    st.builds(
        lambda ms, start, zone: Every(ms / 1000, start, zone), st.integers(1000, 10**10), st.none() | MOMENTS, ZONES
    ),
    st.builds(At, MOMENTS, ZONES),
)


class TestAll:
    @settings(deadline=None)
    @given(TRIGGERS, MOMENTS)
    def test_times_rise_in_utc_and_every_question_has_the_same_answer(self, trigger, moment):
        times = list(islice(trigger.times(moment), 12))
        assert all(planned.tzinfo is UTC for planned in times)
        assert times == sorted(set(times))
        assert all(planned > moment for planned in times)
        following = [trigger.after(earlier) for earlier in [moment, *times][: len(times)]]
        assert following == times
        for earlier, planned in pairwise([moment, *times]):
            assert trigger.first_between(earlier, planned) == planned
            assert trigger.first_between(earlier, planned - MICROSECOND) is None
        assert [planned for planned, _ in islice(trigger.times_with_notes(moment), 12)] == times
        if times:
            end = times[len(times) // 2]
            within = list(takewhile(lambda planned: planned <= end, times))
            assert trigger.between(moment, end, 100) == within
            assert trigger.count_between(moment, end, 100) == len(within)
            assert trigger.latest(moment, end) == end
        assert all(trigger.note(planned) == note for planned, note in islice(trigger.times_with_notes(moment), 1, 12))

    @settings(deadline=None)
    @given(TRIGGERS)
    def test_json_there_and_back_and_words(self, trigger):
        again = from_json(json.loads(json.dumps(trigger.to_json())))
        assert again == trigger
        assert hash(again) == hash(trigger)
        assert again.describe() == trigger.describe()


PARTS = [
    "FREQ=",
    "DAILY",
    "SECONDLY",
    "YEARLY",
    ";BYDAY=",
    "1MO",
    "-1FR",
    ";INTERVAL=",
    ";BYHOUR=",
    ";BYSECOND=",
    "7",
    "86399",
]
PARTS += [
    ";UNTIL=",
    "20301231",
    "T000000Z",
    ";COUNT=",
    ";BYSETPOS=",
    ";BYMONTH=2",
    ";BYMONTHDAY=30",
    ",",
    "-",
    ";BYWEEKNO=53",
]
RULE = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)
WHOLE_RULE = st.builds(
    lambda freq, parts: ";".join(
        [f"FREQ={freq}", *(f"{name}={','.join(map(str, values))}" for name, values in parts.items())]
    ),
    st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]),
    st.dictionaries(
        st.sampled_from(sorted(set(READERS) - {"FREQ", "BYDAY", "UNTIL", "WKST"})),
        st.lists(st.integers(-60, 400) | st.integers(1, 10**6), min_size=1, max_size=4),
        max_size=5,
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
CRON = st.text("0123456789*/,-#L wmonfebaug@?²", max_size=600)


@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries({}, optional={"cron": CRON | JSON, "timezone": ZONES | JSON})
    | st.fixed_dictionaries(
        {"rrule": RULE | WHOLE_RULE | JSON},
        optional={
            "timezone": ZONES | JSON,
            "starts_at": JSON | st.sampled_from(["0001-01-01", "9999-12-31T23:59:59Z", "2027-03-28T02:30"]),
        },
    )
    | st.fixed_dictionaries({"every": JSON}, optional={"starts_at": JSON})
    | st.fixed_dictionaries({"at": JSON | MOMENTS.map(str)}, optional={"timezone": ZONES | JSON})
)
@example({"rrule": "FREQ=SECONDLY;INTERVAL=100000007;COUNT=10000"})
@example({"rrule": "FREQ=YEARLY;INTERVAL=50;BYMONTHDAY=29;BYMONTH=2;BYDAY=MO", "timezone": "Europe/Berlin"})
@example({"rrule": "FREQ=MINUTELY;INTERVAL=1441;BYHOUR=3;BYMINUTE=7;BYDAY=MO", "timezone": "Europe/Berlin"})
@example({"rrule": f"FREQ=HOURLY;BYYEARDAY={','.join(map(str, range(-60, 0)))};BYSETPOS=300"})
@example(
    {"rrule": f"FREQ=YEARLY;BYWEEKNO=53,-53;BYDAY=SU,SA;BYSETPOS=366;BYMONTHDAY={','.join(map(str, range(1, 32)))}"}
)
@example({"cron": f"{','.join(map(str, range(60)))} {','.join(map(str, range(24)))} */28 2 1#5"})
def test_nothing_raises_anything_else_or_takes_long(data):
    begin = time.thread_time()
    trigger, moment = read(data), utc("2026-11-26T02:30")
    if trigger is not None:
        assert trigger.describe()
        trigger.between(moment, utc("2050-01-01"), 20)
        trigger.latest(utc("2000-01-01"), moment)
    assert time.thread_time() - begin < 0.25  # a tenth is what it should take; machines differ


def read(data: object) -> Trigger | None:
    try:
        return from_json(data)
    except TriggerError as error:
        trouble = error
    assert trouble.field in ("cron", "every", "at", "rrule", "timezone", "starts_at")
    assert len(str(trouble)) < 1_000
    return None


class TestDisturbed:
    """Which clock change of the next year falls on a planned time."""

    @pytest.mark.parametrize(
        ("trigger", "start", "found"),
        [
            (Cron("30 2 28 * *", "Europe/Berlin"), "2026-11-24", ("2027-03-28T01:00", "02:00", "03:00", False)),
            (Cron("30 2 * * *", "Europe/Berlin"), "2026-04-24", ("2026-10-25T00:30", "02:00", "03:00", True)),
            (Cron("45 1 * * *", "Australia/Lord_Howe"), "2026-01-01", ("2026-04-04T14:45", "01:30", "02:00", True)),
            (Cron("30 3 * * *", "Europe/Berlin"), "2026-11-24", None),
            (Cron("* * * * *", "Europe/Berlin"), "2026-11-24", None),  # on elapsed time
            (Cron("30 2 * * *", "Europe/Berlin"), "9998-11-01", None),
            (Cron("30 2 * * *", "UTC"), "2026-11-24", None),
            (Every(60.0), "2026-11-24", None),
        ],
    )
    def test_is_told_with_the_walls_that_it_concerns(self, trigger, start, found):
        one = trigger.disturbed(utc(start), utc(start) + timedelta(days=366))
        assert (one and (f"{one.planned:%Y-%m-%dT%H:%M}", f"{one.low:%H:%M}", f"{one.high:%H:%M}", one.twice)) == found
