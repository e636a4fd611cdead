"""Previews over HTTP: of what is stored, and of what is not yet."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from scheduling_api import HANDLERS as HANDLERS
from scheduling_api import moment

from core.clock import now, rfc3339
from core.testing import fire_due

SPRING = "2027-03-27T00:00:00Z"


def times(api, status=200, **body):
    found = api.send("/schedules/preview", body, status=status)
    return [one["at"] for one in found["times"]] if status == 200 else found


class TestOfWhatIsNotStored:
    def test_timing_alone_is_wanted(self, api):
        found = api.send("/schedules/preview", {"cron": "0 7 * * mon-fri"}, status=200)
        assert set(found) == {"description", "times"}
        assert len(found["times"]) == 10
        assert all(set(one) == {"at", "local"} for one in found["times"])
        assert all(moment(one["at"]) > now() for one in found["times"])
        assert api.get("/schedules")["items"] == []

    def test_strictly_after(self, api):
        assert times(api, every=60, n=2, **{"from": "2027-01-01T00:00:00Z"}) == [
            "2027-01-01T00:01:00Z",
            "2027-01-01T00:02:00Z",
        ]
        assert times(api, every=60, n=1, **{"from": "2026-12-31T23:59:59.999Z"}) == ["2027-01-01T00:00:00Z"]
        assert times(api, at="2027-01-01T00:00:00Z", **{"from": "2027-01-01T00:00:00Z"}) == []

    def test_local_times_and_what_a_clock_change_does(self, api):
        body = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "from": SPRING, "n": 3}
        found = api.send("/schedules/preview", body, status=200)["times"]
        assert [(one["at"], one["local"]) for one in found] == [
            ("2027-03-27T01:30:00Z", "2027-03-27T02:30:00+01:00"),
            ("2027-03-28T01:00:00Z", "2027-03-28T03:00:00+02:00"),
            ("2027-03-29T00:30:00Z", "2027-03-29T02:30:00+02:00"),
        ]
        assert ["note" in one for one in found] == [False, True, False]

    def test_within_start_and_end(self, api):
        body = {"every": 3600, "starts_at": "2999-01-01T00:30:00Z", "ends_at": "2999-01-01T03:00:00+00:00"}
        assert times(api, **body) == [f"2999-01-01T0{hour}:30:00Z" for hour in (0, 1, 2)]
        body = {"cron": "0 0 * * *", "starts_at": "2999-01-01T00:00:00Z", "n": 1}
        assert times(api, **body) == ["2999-01-01T00:00:00Z"]
        assert times(api, every=60, ends_at="2020-01-01T00:00:00Z") == []

    def test_recurrence_rules(self, api):
        body = {"rrule": "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9", "timezone": "Europe/Berlin", "n": 3, "from": SPRING}
        found = api.send("/schedules/preview", body, status=200)
        assert [one["local"] for one in found["times"]] == [
            "2027-04-05T09:00:00+02:00",
            "2027-05-03T09:00:00+02:00",
            "2027-06-07T09:00:00+02:00",
        ]
        body = {"rrule": "FREQ=DAILY;INTERVAL=2;COUNT=3", "starts_at": "2027-03-27T08:00:00Z", "from": SPRING}
        assert times(api, **body) == [f"2027-03-{day}T08:00:00Z" for day in (27, 29, 31)]
        body = {"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "timezone": "Europe/Berlin", "from": SPRING, "n": 2}
        found = api.send("/schedules/preview", body, status=200)["times"]
        assert [one["local"] for one in found] == ["2027-03-27T02:30:00+01:00", "2027-03-29T02:30:00+02:00"]
        assert any("note" in one for one in found)

    @pytest.mark.parametrize("n", [1, 1000])
    def test_how_many(self, api, n):
        found = times(api, cron="* * * * *", n=n)
        assert len(found) == len(set(found)) == n
        assert all(moment(b) - moment(a) == timedelta(minutes=1) for a, b in pairwise(found))

    def test_where_the_calendar_ends(self, api):
        for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
            found = times(api, cron="0 * * * *", timezone=zone, **{"from": "9999-12-31T00:00:00Z"}, n=1000)
            assert len(found) <= 24
        assert times(api, every=86_400, **{"from": "9999-12-31T23:59:59Z"}) == []
        assert times(api, every=86_400, n=1, **{"from": "0001-01-01T00:00:00Z"}) == ["0001-01-02T00:00:00Z"]

    def test_a_whole_draft_may_be_sent(self, api):
        body = {"name": "x", "task": "nobody", "jitter": 5, "enabled": True, "cron": "0 0 * * *"}
        assert len(times(api, **body)) == 10

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, {"/cron"}),
            ({"cron": "0 0 31 2 *"}, {"/cron"}),
            ({"cron": "x", "starts_at": "y"}, {"/cron", "/starts_at"}),
            ({"cron": "0 0 * * *", "every": 60}, {"/cron"}),
            ({"every": 0.5}, {"/every"}),
            ({"rrule": "FREQ=SOMETIMES"}, {"/rrule"}),
            ({"rrule": "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2"}, {"/rrule"}),
            ({"rrule": "FREQ=DAILY", "cron": "* * * * *"}, {"/cron"}),
            ({"every": 60, "timezone": "Mars/Base"}, {"/timezone"}),
            ({"every": 60, "starts_at": "2027-01-02T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"}, {"/every"}),
            ({"at": "2027-01-01T00:00:00Z", "starts_at": "2027-01-02T00:00:00Z"}, {"/at"}),
            ({"every": 60, "unknown": 1}, {"/unknown"}),
        ],
    )
    def test_what_cannot_work(self, api, body, pointers):
        assert api.pointers("invalid-schedule", "/schedules/preview", body | {"n": 1}) == pointers

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [({"n": value}, "/n") for value in (0, 1001, -1, 2.0, "5", True, [], {})]
        + [({"from": value}, "/from") for value in ("now", "2027-01-01", 5, True, [], "0001-01-01T00:00:00+23:59")],
    )
    def test_what_is_asked_wrongly(self, api, body, pointer):
        assert api.pointers("invalid-request", "/schedules/preview", {"every": 60} | body) == {pointer}


class TestOfWhatIsStored:
    def test_its_next_times(self, api):
        made = api.make(cron="0 7 * * *", timezone="Europe/Berlin")
        found = api.get("/schedules/mine/preview")
        assert found["description"] == made["description"]
        assert len(found["times"]) == 10
        assert found["times"][0]["at"] == made["next"]
        assert [one["at"] for one in api.get("/schedules/mine/preview?n=2")["times"]] == [
            one["at"] for one in found["times"][:2]
        ]

    def test_from(self, api):
        api.make()
        for text in ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00+00:00", "2027-01-01T01:00:00%2B01:00"):
            [one] = api.get(f"/schedules/mine/preview?n=1&from={text}")["times"]
            assert one == {"at": "2027-01-01T00:05:00Z", "local": "2027-01-01T00:05:00+00:00"}

    def test_notes(self, api):
        api.make(cron="30 2 * * *", timezone="Europe/Berlin")
        found = api.get(f"/schedules/mine/preview?n=2&from={SPRING}")["times"]
        assert found[1]["note"]

    def test_it_tells_the_same_as_beat_fires(self, app, api):
        made = api.make(cron="7,11 * * * *", catch_up="all")
        begin = moment(made["created"])
        shown = [one["at"] for one in api.get(f"/schedules/mine/preview?n=4&from={rfc3339(begin)}")["times"]]
        for one in shown:
            fire_due(app, moment(one))
        assert [row["planned"] for row in reversed(api.get("/schedules/mine/fires")["items"])] == shown

    @pytest.mark.parametrize(
        "query",
        ["n=0", "n=1001", "n=x", "n=", "n=1e2", "n=٣", "n=" + "9" * 5000, "from=now", "from=", "from=2027-01-01", "x=1"]
        + ["from=0001-01-01T00:00:00%2B23:59", "from=9999-12-31T23:59:59-23:59"],
    )
    def test_bad_queries(self, api, query):
        api.make()
        assert api.get(f"/schedules/mine/preview?{query}", 400)["type"] == "/problems/bad-query"

    def test_of_nothing(self, api):
        api.get("/schedules/nobody/preview", 404)


def test_a_thousand_rare_ones_are_cheap(api):
    """However rare its times and however far ahead, a preview is no load."""
    body = {"cron": "0 0 29 2 mon", "timezone": "Europe/Berlin", "n": 1000}
    begin = datetime.now(UTC)
    times(api, **body)
    assert datetime.now(UTC) - begin < timedelta(seconds=10)
