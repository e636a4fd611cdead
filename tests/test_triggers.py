"""When a job is due: cron, every, at."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CoreError
from core.triggers import At, Cron, Every, TriggerError, from_json


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return naive(text).replace(tzinfo=UTC)


MOMENTS = st.datetimes(naive("1971-01-01"), naive("2100-01-01"), timezones=st.just(UTC))


class TestEvery:
    def test_whole_multiples_since_the_epoch(self):
        assert Every(300).after(utc("2026-01-01T00:01")) == utc("2026-01-01T00:05")
        assert Every(300).after(utc("2026-01-01T00:05")) == utc("2026-01-01T00:10")
        assert Every(7).after(utc("1970-01-01T00:00")) == utc("1970-01-01T00:00:07")
        assert Every(60).after(utc("1969-12-31T23:58:30")) == utc("1969-12-31T23:59")

    def test_from_its_start_the_start_included(self):
        trigger = Every(3600, utc("2026-01-01T00:10"))
        assert trigger.after(utc("2020-01-01T00:00")) == utc("2026-01-01T00:10")
        assert trigger.after(utc("2026-01-01T00:10")) == utc("2026-01-01T01:10")
        assert trigger.after(utc("2026-01-01T05:00")) == utc("2026-01-01T05:10")

    def test_a_naive_start_is_on_the_zones_clocks(self):
        trigger = Every(60, naive("2026-07-01T09:00"), "Europe/Berlin")
        assert trigger.starts_at == utc("2026-07-01T07:00")
        assert trigger.starts_at.tzinfo is UTC

    @given(st.integers(1_000, 10**9), MOMENTS, st.none() | MOMENTS)
    @settings(deadline=None)
    def test_every_time_lies_on_the_grid_whoever_asks(self, milliseconds, moment, starts_at):
        trigger = Every(milliseconds / 1000, starts_at)
        planned = trigger.after(moment)
        origin = trigger.starts_at or datetime(1970, 1, 1, tzinfo=UTC)
        step = timedelta(milliseconds=milliseconds)
        assert (planned - origin) % step == timedelta(0)
        assert planned > moment
        assert planned - step <= moment or planned == trigger.starts_at
        assert trigger.after(planned - timedelta(microseconds=1)) == planned

    @pytest.mark.parametrize(
        "seconds", [0, 0.999, -5, True, None, "60", float("nan"), float("inf"), 10**400, 1.0005, 4e9, [60]]
    )
    def test_what_is_refused(self, seconds):
        with pytest.raises(TriggerError) as caught:
            Every(seconds)
        assert caught.value.field == "every"

    @pytest.mark.parametrize("starts_at", ["2026-01-01", 5, naive("0001-01-01"), naive("9999-12-31T23:00")])
    def test_starts_that_are_none(self, starts_at):
        zone = "Asia/Tokyo" if starts_at == naive("0001-01-01") else "America/New_York"
        with pytest.raises(TriggerError) as caught:
            Every(60, starts_at, zone)
        assert caught.value.field == "starts_at"

    @pytest.mark.parametrize(
        ("trigger", "words"),
        [
            (Every(1), "Every second"),
            (Every(60), "Every minute"),
            (Every(300), "Every 5 minutes"),
            (Every(90), "Every 90 seconds"),
            (Every(1.5), "Every 1.5 seconds"),
            (Every(7200), "Every 2 hours"),
            (Every(86400), "Every day"),
            (
                Every(60, utc("2026-07-01T07:00"), "Europe/Berlin"),
                "Every minute, from 2026-07-01 09:00:00 (Europe/Berlin)",
            ),
        ],
    )
    def test_in_words(self, trigger, words):
        assert trigger.describe() == words


class TestAt:
    def test_once(self):
        trigger = At(utc("2026-01-01T00:00"))
        assert trigger.after(utc("2025-12-31T23:59:59")) == utc("2026-01-01T00:00")
        assert trigger.after(utc("2026-01-01T00:00")) is None

    def test_naive_times_are_on_the_zones_clocks(self):
        assert At(naive("2026-07-01T09:00"), "Europe/Berlin").moment == utc("2026-07-01T07:00")
        aware = datetime(2026, 7, 1, 9, tzinfo=timezone(timedelta(hours=-3)))
        assert At(aware, "Europe/Berlin").moment == utc("2026-07-01T12:00")

    def test_a_time_that_does_not_exist_or_exists_twice(self):
        assert At(naive("2027-03-28T02:30:15"), "Europe/Berlin").moment == utc("2027-03-28T01:00")
        assert At(naive("2026-10-25T02:30"), "Europe/Berlin").moment == utc("2026-10-25T00:30")
        assert At(naive("2011-12-30T12:00"), "Pacific/Apia").moment == utc("2011-12-30T10:00")

    def test_no_more_than_json_can_say(self):
        assert At(utc("2026-01-01T00:00:00.123999")).moment == utc("2026-01-01T00:00:00.123000")

    def test_in_words(self):
        assert At(utc("2026-07-01T07:00"), "Europe/Berlin").describe() == "Once, on 2026-07-01 09:00:00 (Europe/Berlin)"


class TestAll:
    @pytest.mark.parametrize("trigger", [Cron("* * * * *", "Europe/Berlin"), Every(3600), At(utc("2026-01-01"))])
    def test_the_ends_of_the_calendar(self, trigger):
        last = datetime.max.replace(tzinfo=UTC)
        assert trigger.after(last) is None
        assert trigger.after(last.replace(tzinfo=timezone(timedelta(hours=-12)))) is None
        first = datetime.min.replace(tzinfo=timezone(timedelta(hours=12)))
        assert trigger.between(first, first + timedelta(hours=1), 5) == []

    @pytest.mark.parametrize("trigger", [Cron("* * * * *"), Every(60), At(utc("2026-01-01"))])
    def test_a_naive_moment_is_a_mistake(self, trigger):
        with pytest.raises(TypeError):
            trigger.after(naive("2025-01-01"))

    def test_between_includes_its_end_not_its_start_and_stops(self):
        start, end = utc("2026-01-01T00:00"), utc("2026-01-01T00:03")
        for trigger in (Cron("* * * * *"), Every(60)):
            assert [moment.minute for moment in trigger.between(start, end, 9)] == [1, 2, 3]
            assert [moment.minute for moment in trigger.between(start, end, 2)] == [1, 2]
            assert trigger.between(end, start, 9) == []

    @pytest.mark.parametrize(
        ("trigger", "data"),
        [
            (Cron("0 7 * * mon-fri", "Europe/Berlin"), {"cron": "0 7 * * mon-fri", "timezone": "Europe/Berlin"}),
            (Every(300), {"every": 300, "timezone": "UTC"}),
            (
                Every(1.5, utc("2026-01-01T00:00")),
                {"every": 1.5, "timezone": "UTC", "starts_at": "2026-01-01T00:00:00Z"},
            ),
            (At(utc("2026-01-01T00:00:00.5")), {"at": "2026-01-01T00:00:00.500Z", "timezone": "UTC"}),
        ],
    )
    def test_json_there_and_back(self, trigger, data):
        assert trigger.to_json() == data
        assert from_json(json.loads(json.dumps(data))) == trigger
        assert hash(from_json(data)) == hash(trigger)

    def test_json_written_by_hand(self):
        assert from_json({"at": "2026-07-01 09:00", "timezone": "Europe/Berlin"}) == At(
            utc("2026-07-01T07:00"), "Europe/Berlin"
        )
        assert from_json({"cron": "@daily", "every": None, "timezone": None, "name": "x"}) == Cron("@daily")

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({}, "cron"),
            ({"cron": "@daily", "every": 5}, "cron"),
            ({"every": 5, "at": "2026-01-01"}, "every"),
            ({"cron": ["@daily"]}, "cron"),
            ({"every": "5"}, "every"),
            ({"at": 5}, "at"),
            ({"at": "tomorrow"}, "at"),
            ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
            ({"every": 5, "starts_at": "soon"}, "starts_at"),
            ({"cron": "@daily", "timezone": 5}, "timezone"),
            ({"at": "2026-01-01", "timezone": {"x": 1}}, "timezone"),
        ],
    )
    def test_json_that_is_refused(self, data, field):
        with pytest.raises(TriggerError) as caught:
            from_json(data)
        assert caught.value.field == field


def test_it_is_an_error_of_ours_and_a_value_error():
    assert issubclass(TriggerError, CoreError)
    assert issubclass(TriggerError, ValueError)
