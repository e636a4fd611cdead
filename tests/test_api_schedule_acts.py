"""What people do to schedules over HTTP: run, pause, resume, skip, backfill; each planned time stays accounted for."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from scheduling_api import HANDLERS as HANDLERS
from scheduling_api import moment

from core.clock import from_ms, now, rfc3339, to_ms
from core.entries import load
from core.house import house
from core.schedule import Pause
from core.scheduling import put
from core.testing import drain, fire_due, runs

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DAILY = "0 0 * * *"


@pytest.fixture
def hour(app, api):
    """An hour ago, to the minute; ``mine`` fires each minute since then, and beat has not looked yet."""
    begin = now().replace(second=0, microsecond=0) - timedelta(hours=1)
    api.make(cron="* * * * *")
    stand(app, begin)
    return begin


def stand(app, begin, **changes):
    """Let ``mine`` be as if it had been made at *begin*."""
    here = house(app)
    [entry] = here.ledger.run(load(here.layout, ["mine"]))
    schedule = here.layout.read(entry)
    changed = type(schedule)(**vars(schedule) | {"cursor": to_ms(begin), "created": to_ms(begin)} | changes)
    assert here.ledger.run(put(here.layout, changed, entry))


def minutes(begin):
    """Return how many of its planned times have passed."""
    return int((now() - begin) / MINUTE)


def beat(app, begin, *steps, step=MINUTE):
    for number in steps:
        fire_due(app, begin + number * step)


def span(begin, first, last, **more):
    return {"from": rfc3339(begin + first * MINUTE), "to": rfc3339(begin + last * MINUTE), **more}


class TestRun:
    def test_beside_its_planned_times(self, app, api):
        made = api.make()
        [first] = api.act("run")["runs"]
        [second] = api.act("run")["runs"]
        assert first["id"] != second["id"]
        assert (first["task"], first["planned"][:16]) == ("bells.report", rfc3339(now())[:16])
        assert {run["id"] for run in drain(app)} == {first["id"], second["id"]}
        after = api.get("/schedules/mine")
        assert (after["next"], after["count"], after["etag"]) == (made["next"], 0, made["etag"])
        assert after["last"]["cause"] == "asked"
        assert api.get(f"/runs/{first['id']}")["fire"]["schedule"] == "mine"

    def test_with_the_arguments_of_its_task(self, app, api):
        api.make(task="tidy", data={"days": 3})
        api.act("run")
        assert [run["result"][:2] for run in drain(app)] == [[3, False]]

    def test_a_paused_one(self, api):
        api.make(enabled=False)
        assert len(api.act("run")["runs"]) == 1

    def test_of_an_event_that_code_knows_no_more(self, app, api):
        api.make(task=None, event="shop.open")
        house(app).catalog.subscriptions.clear()
        api.refused(422, "unknown-event-type", "/schedules/mine/run")
        assert runs(app, schedule="mine") == []

    def test_bodies(self, api):
        api.make()
        assert api.pointers("invalid-request", "/schedules/mine/run", {"x": 1}) == {"/x"}
        api.refused(404, "not-found", "/schedules/nobody/run")


class TestPause:
    def test_nothing_fires_until_it_is_resumed(self, app, api):
        made = api.make(cron=DAILY)
        first = moment(made["next"])
        paused = api.act("pause", {"note": "the mail server moves"})
        assert (paused["paused"], paused["enabled"], paused["next"]) == (True, False, None)
        assert paused["pause"]["note"] == "the mail server moves"
        assert paused["etag"] != made["etag"]
        assert f'"{paused["etag"]}"' == api.headers["ETag"] == api.tag("mine")
        beat(app, first, 0, 1, 2, step=DAY)
        assert (api.fires(), runs(app, schedule="mine")) == ([], [])
        assert api.act("pause", {"note": "still"})["pause"] == paused["pause"] | {"note": "still"}
        resumed = api.act("resume")
        assert (resumed["paused"], resumed["pause"], resumed["next"]) == (False, None, made["next"])

    def test_until(self, app, api):
        first = moment(api.make(cron=DAILY)["next"])
        until = first + 3 * DAY
        paused = api.act("pause", {"until": rfc3339(until)})
        assert (paused["pause"]["until"], paused["next"]) == (rfc3339(until), rfc3339(until))
        beat(app, first, 0, 1, 2, 3, step=DAY)
        assert [row[1:] for row in api.fires()] == [("skipped", "paused", 3), ("fired", "on time", 1)]
        assert api.get("/schedules/mine")["last"]["planned"] == rfc3339(until)

    def test_what_it_held_back_is_recorded_with_its_note(self, app, api, hour):
        stand(app, hour, pause=Pause(since=to_ms(hour), note="maintenance"))
        assert api.act("resume")["enabled"]
        fire_due(app, now())
        [row] = api.fires()
        assert row[1:3] == ("skipped", "paused: maintenance")
        assert row[3] >= 60

    def test_enabling_is_resuming(self, app, api, hour):
        stand(app, hour, pause=Pause(since=to_ms(hour), note="nap"))
        assert api.patch("mine", {"enabled": True})["enabled"]
        fire_due(app, now())
        assert api.fires()[0][1:3] == ("skipped", "paused: nap")

    def test_a_pause_that_follows_another_takes_over_nothing(self, app, api, hour):
        """What the first one held back is not late once it has ended and another one begun."""
        before = minutes(hour)
        stand(app, hour, pause=Pause(since=to_ms(hour) + 1, until=to_ms(hour + 30 * MINUTE), note="first"))
        api.act("pause", {"note": "second"})
        rows = api.fires()
        assert [row[1:3] for row in rows] == [("skipped", "paused: first"), ("skipped", "paused before it fired")]
        assert rows[0][3] == 29
        fire_due(app, now())
        api.act("resume")
        fire_due(app, now())
        assert runs(app, schedule="mine") == []
        assert before <= sum(count for *_, count in api.fires()) <= minutes(hour)

    def test_what_is_due_before_a_pause_still_fires(self, app, api, hour):
        stand(app, hour + 57.5 * MINUTE)
        api.act("pause")
        beat(app, hour, 58)
        assert [row[1] for row in api.fires()] == ["fired"]

    def test_resume_of_what_is_not_paused_changes_nothing(self, api):
        made = api.make()
        assert api.act("resume") == made

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({"note": "x" * 201}, {"/note"}),
            ({"note": 5}, {"/note"}),
            ({"until": "tomorrow"}, {"/until"}),
            ({"until": 5}, {"/until"}),
            ({"until": "2020-01-01T00:00:00Z"}, {"/until"}),
            ({"until": "0001-01-01T00:00:00+23:59"}, {"/until"}),
            ({"until": "9999-12-31T23:59:59-23:59"}, {"/until"}),
            ({"x": 1}, {"/x"}),
        ],
    )
    def test_what_is_refused(self, api, body, pointers):
        made = api.make()
        assert api.pointers("invalid-request", "/schedules/mine/pause", body) == pointers
        assert api.get("/schedules/mine") == made

    def test_those_that_are_none(self, api):
        for act in ("pause", "resume", "skip", "backfill"):
            body = {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"} if act == "backfill" else None
            api.refused(404, "not-found", f"/schedules/nobody/{act}", body)

    def test_what_code_declares_can_be_paused(self, app, api):
        fire_due(app, now())
        assert api.act("pause", name="bells.report")["paused"]
        assert not api.act("resume", name="bells.report")["paused"]


class TestSkip:
    def test_the_next_one_and_the_one_after(self, app, api):
        first = moment(api.make(cron=DAILY)["next"])
        assert api.act("skip") == {"schedule": "mine", "skipped": rfc3339(first)}
        assert api.act("skip")["skipped"] == rfc3339(first + DAY)
        found = api.get("/schedules/mine")
        assert (found["skips"], found["next"]) == (
            [rfc3339(first), rfc3339(first + DAY)],
            rfc3339(first + 2 * DAY),
        )
        beat(app, first, 0, 1, 2, step=DAY)
        assert [row[1:3] for row in api.fires()] == [("skipped", "asked")] * 2 + [("fired", "on time")]
        assert api.get("/schedules/mine")["skips"] == []

    def test_a_given_one(self, app, api):
        first = moment(api.make(cron=DAILY)["next"])
        wanted = rfc3339(first + DAY)
        for _ in range(2):
            assert api.act("skip", {"planned": wanted})["skipped"] == wanted
        assert api.get("/schedules/mine")["skips"] == [wanted]
        beat(app, first, 0, 1, 2, step=DAY)
        assert [row[1] for row in api.fires()] == ["fired", "skipped", "fired"]

    def test_one_that_is_not_planned(self, api):
        first = moment(api.make(cron=DAILY, ends_at="2999-01-01T00:00:00Z")["next"])
        for planned in (first + timedelta(seconds=1), first - DAY, first - timedelta(days=9)):
            body = {"planned": rfc3339(planned)}
            assert api.refused(409, "state-conflict", "/schedules/mine/skip", body)["state"] == "idle"
        api.refused(409, "state-conflict", "/schedules/mine/skip", {"planned": "2999-01-02T00:00:00Z"})
        for planned in ("soon", 5, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
            assert api.pointers("invalid-request", "/schedules/mine/skip", {"planned": planned}) == {"/planned"}

    def test_where_none_comes_any_more(self, app, api):
        made = api.make(max_runs=1, cron=DAILY)
        fire_due(app, moment(made["next"]))
        api.refused(409, "state-conflict", "/schedules/mine/skip")
        later = {"planned": rfc3339(moment(made["next"]) + 5 * DAY)}
        api.refused(409, "state-conflict", "/schedules/mine/skip", later)

    def test_a_deploy_leaves_it(self, app, api):
        fire_due(app, now())
        skipped = api.act("skip", name="bells.refresh")["skipped"]
        declared = house(app).catalog.schedules["bells.refresh"]
        house(app).catalog.schedules["bells.refresh"] = type(declared)(**vars(declared) | {"place": "elsewhere.py:1"})
        app.test_cli_runner().invoke(args=["schedules", "apply"])
        found = api.get("/schedules/bells.refresh")
        assert (found["skips"], found["place"]) == ([skipped], "elsewhere.py:1")

    def test_not_without_end(self, app, api):
        first = moment(api.make(cron=DAILY)["next"])
        stand(app, now(), skips=tuple(to_ms(first + n * DAY) for n in range(1000)))
        assert api.refused(409, "state-conflict", "/schedules/mine/skip")["state"] == "full"


class TestBackfill:
    def test_what_was_missed(self, app, api, hour):
        stand(app, hour, catch_up="skip")
        beat(app, hour, 60)
        assert [(row[1], row[3]) for row in api.fires()] == [("missed", 58), ("fired", 1), ("fired", 1)]
        found = api.act("backfill", span(hour, 10, 12))
        assert (found["schedule"], found["planned"]) == ("mine", 3)
        assert [run["planned"] for run in found["runs"]] == [rfc3339(hour + n * MINUTE) for n in (10, 11, 12)]
        assert [(row[0][3:5], row[1], row[3]) for row in api.fires()] == [
            (f"{hour + MINUTE:%M}", "missed", 9),
            *((f"{hour + n * MINUTE:%M}", "fired", 1) for n in (10, 11, 12)),
            (f"{hour + 13 * MINUTE:%M}", "missed", 46),
            (f"{hour + 59 * MINUTE:%M}", "fired", 1),
            (f"{hour + 60 * MINUTE:%M}", "fired", 1),
        ]
        assert api.tally() == {"fired": 5, "skipped": 0, "missed": 55}
        assert {run["state"] for run in drain(app)} == {"succeeded"}
        [run] = [run for run in runs(app) if run["id"] == found["runs"][0]["id"]]
        assert run["fire"]["planned"] == rfc3339(hour + 10 * MINUTE)

    def test_twice_makes_nothing_twice(self, app, api, hour):
        beat(app, hour, 60)
        assert len(api.act("backfill", span(hour, 1, 30))["runs"]) == 30
        assert api.act("backfill", span(hour, 1, 30))["runs"] == []
        assert len(api.act("backfill", span(hour, 1, 45))["runs"]) == 15
        assert api.tally() == {"fired": 47, "skipped": 13, "missed": 0}
        assert len({row[0] for row in api.fires()}) == len(api.fires())
        assert len(runs(app, schedule="mine")) == 47

    def test_all_of_it_in_parts(self, app, api, hour):
        """A backfill goes in parts, and each of them splits the row that the last one left."""
        stand(app, hour - timedelta(hours=3))
        beat(app, hour, 60)
        found = api.act("backfill", span(hour, -179, 60))
        assert api.tally() == {"fired": 240, "skipped": 0, "missed": 0}
        assert (found["planned"], len(found["runs"])) == (240, 238)
        assert len(runs(app, schedule="mine")) == 240

    def test_what_fired_stays_unless_it_is_forced(self, app, api, hour):
        stand(app, hour, catch_up="all")
        beat(app, hour, *range(1, 11))
        beat(app, hour, 11)
        assert api.act("backfill", span(hour, 1, 10))["runs"] == []
        forced = api.act("backfill", span(hour, 5, 6, force=True))["runs"]
        assert [run["planned"] for run in forced] == [rfc3339(hour + n * MINUTE) for n in (5, 6)]
        again = api.act("backfill", span(hour, 5, 6, force=True))["runs"]
        assert len({run["id"] for run in forced + again}) == 4
        assert len(runs(app, schedule="mine")) == 11 + 4
        assert {run["state"] for run in drain(app)} == {"succeeded"}

    def test_force_gives_what_did_not_fire_its_own_id(self, app, api, hour):
        beat(app, hour, 60)
        forced = api.act("backfill", span(hour, 5, 5, force=True))["runs"]
        assert api.act("backfill", span(hour, 5, 5))["runs"] == []
        assert len(forced) == 1
        assert api.tally() == {"fired": 3, "skipped": 57, "missed": 0}

    def test_what_a_pause_holds_back_while_it_goes_on(self, app, api, hour):
        stand(app, hour, pause=Pause(since=to_ms(hour), note="nap"))
        before = minutes(hour)
        assert len(api.act("backfill", span(hour, 1, 10))["runs"]) == 10
        assert api.get("/schedules/mine")["paused"]
        assert before <= sum(api.tally().values()) <= minutes(hour)
        api.act("resume")
        fire_due(app, now())
        assert before <= sum(api.tally().values()) <= minutes(hour)
        assert [row[2] for row in api.fires()][9:11] == ["backfilled", "paused: nap"]

    def test_what_was_due_before_a_pause_is_left_to_beat(self, app, api, hour):
        stand(app, hour, pause=Pause(since=to_ms(hour + 58.5 * MINUTE)))
        assert api.act("backfill", span(hour, 1, 60))["planned"] == 0
        assert api.fires() == []
        beat(app, hour, 58)
        assert api.tally() == {"fired": 2, "skipped": 56, "missed": 0}

    def test_what_beat_has_not_come_to_is_left_to_it(self, app, api, hour):
        assert api.act("backfill", span(hour, 1, 60))["planned"] == 0
        assert api.fires() == []

    def test_runs_that_were_asked_for_hide_no_row(self, app, api, hour):
        """The row of an hour stands at its first time; any number of others may stand after it."""
        beat(app, hour, 60)
        here = house(app)
        for n in range(120):
            at = to_ms(hour + 2 * MINUTE) + n
            row = json.dumps([at, "fired", "asked", 0.0, None], separators=(",", ":"))
            here.ledger.client.zadd(here.keys.fires("mine"), {row: at})
        assert len(api.act("backfill", span(hour, 50, 50))["runs"]) == 1
        assert api.tally() == {"fired": 3, "skipped": 57, "missed": 0}

    def test_rows_of_an_earlier_timing_are_left_alone(self, app, api, hour):
        beat(app, hour, 60)
        api.patch("mine", {"cron": "*/10 * * * *"})
        before = [row for row in api.fires() if row[3] > 1]
        assert api.act("backfill", span(hour, 1, 59))["planned"] in (5, 6)
        assert [row for row in api.fires() if row[3] > 1] == before

    def test_too_many(self, api):
        api.make(cron=None, every=1)
        body = {"from": rfc3339(now() - timedelta(hours=2)), "to": rfc3339(now() - timedelta(hours=1))}
        found = api.refused(422, "invalid-request", "/schedules/mine/backfill", body)
        assert [error["pointer"] for error in found["errors"]] == ["/to"]
        assert "1,000" in found["detail"]

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, {"/from", "/to"}),
            (None, {"/from", "/to"}),
            ({"from": None, "to": None}, {"/from", "/to"}),
            ({"from": "x", "to": "2026-01-01T00:00:00Z"}, {"/from"}),
            ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, {"/to"}),
            ({"from": "2026-01-02T00:00:00Z", "to": "2999-01-01T00:00:00Z"}, {"/to"}),
            ({"from": "0001-01-01T00:00:00+23:59", "to": "2026-01-01T00:00:00Z"}, {"/from"}),
            ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "force": 1}, {"/force"}),
            ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "x": 1}, {"/x"}),
        ],
    )
    def test_what_is_refused(self, api, body, pointers):
        api.make()
        assert api.pointers("invalid-request", "/schedules/mine/backfill", body) == pointers

    def test_from_the_first_year(self, api):
        api.make(cron=None, at=rfc3339(now() + MINUTE))
        body = {"from": "0001-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
        assert api.act("backfill", body) == {"schedule": "mine", "runs": [], "planned": 0}

    def test_events(self, app, api, hour):
        api.delete("mine")
        api.make(task=None, event="order.placed", data={"order": 7}, cron="* * * * *")
        stand(app, hour)
        beat(app, hour, 60)
        found = api.act("backfill", span(hour, 5, 6))
        assert [run["task"] for run in found["runs"]] == ["archive", "receipt"] * 2
        drain(app)
        results = [run["result"] for run in runs(app) if run["task"] == "receipt"]
        assert [7, f"mine@{rfc3339(hour + 5 * MINUTE)}", "/schedules", "mine"] in results


class TestEdits:
    """An edit of its timing skips what is due, and counts all of it."""

    @pytest.mark.parametrize("every", [1, 60])
    def test_however_many(self, app, api, hour, every):
        api.delete("mine")
        api.make(cron=None, every=every)
        stand(app, hour)
        api.patch("mine", {"every": 7200})
        [row] = api.fires()
        assert row[1:3] == ("skipped", "edited before it fired")
        assert 3600 <= row[3] * every <= (now() - hour).total_seconds()
        fire_due(app, now())
        assert runs(app, schedule="mine") == []

    def test_a_pause_keeps_its_cause(self, app, api, hour):
        held = Pause(since=to_ms(hour + 20.5 * MINUTE), until=to_ms(hour + 40.5 * MINUTE), note="nap")
        stand(app, hour, pause=held)
        before = minutes(hour)
        api.patch("mine", {"timezone": "Asia/Tokyo"})
        assert [(row[2], row[3]) for row in api.fires()][:2] == [("edited before it fired", 20), ("paused: nap", 20)]
        assert before <= sum(count for *_, count in api.fires()) <= minutes(hour)

    def test_jitter_that_was_still_to_come(self, app, api, hour):
        stand(app, hour, jitter=86_400.0)
        before = minutes(hour)
        api.patch("mine", {"cron": "0 0 1 1 *"})
        assert before <= api.tally()["skipped"] <= minutes(hour)

    def test_what_had_ended_and_goes_on_begins_anew(self, app, api, hour):
        stand(app, hour, max_runs=1)
        beat(app, hour, 1)
        assert api.get("/schedules/mine")["next"] is None
        found = api.patch("mine", {"max_runs": 2})
        assert moment(found["next"]) > now() - timedelta(seconds=1)
        fire_due(app, now())
        assert [row[1] for row in api.fires()] == ["fired"]

    def test_what_ends_by_an_edit_skips_what_is_due(self, app, api, hour):
        beat(app, hour, 1)
        api.patch("mine", {"max_runs": 1})
        assert [row[1:3] for row in api.fires()] == [("fired", "on time"), ("skipped", "edited before it fired")]

    def test_other_edits_leave_what_is_due(self, app, api, hour):
        stand(app, hour + 57.5 * MINUTE)
        api.patch("mine", {"catch_up": "all", "jitter": 0, "pause_after": 5})
        fire_due(app, hour + 60 * MINUTE)
        fire_due(app, hour + 60 * MINUTE)
        assert "fired" in [row[1] for row in api.fires()]
        assert api.tally()["skipped"] == 0


class TestEvents:
    def test_each_planned_time_is_emitted_once(self, app, api):
        made = api.make(task=None, event="order.placed", data={"order": 7}, cron=DAILY)
        first = moment(made["next"])
        beat(app, first, 0, 0, 1, step=DAY)
        done = drain(app)
        ids = [f"mine@{rfc3339(first + n * DAY)}" for n in (0, 1)]
        results = sorted(run["result"] for run in done if run["task"] == "receipt")
        assert results == [[7, one, "/schedules", "mine"] for one in ids]
        assert len([run for run in done if run["event"]]) == 4
        found = api.get("/events?type=order.placed")["items"]
        assert [one["subject"] for one in found] == ["mine", "mine"]

    def test_tasks_get_their_arguments_and_the_planned_time(self, app, api):
        made = api.make(task="tidy", data={"days": "3"}, cron=DAILY)
        fire_due(app, moment(made["next"]))
        [run] = drain(app)
        assert run["result"] == [3, False, made["next"][11:16]]
        assert run["fire"]["schedule"] == "mine"


def test_the_invariant_over_everything(app, api):
    """However it is paused, skipped, edited and made up for: each time is told of once."""
    begin = datetime(2026, 1, 5, 12, tzinfo=UTC)
    api.make(cron="* * * * *", catch_up="all")
    stand(app, begin)
    beat(app, begin, *range(6))  # 1 to 5 fire
    beat(app, begin, 30)  # 6 is the first one after an outage
    beat(app, begin, *range(30, 61))
    stand_at = from_ms(house(app).layout.read(house(app).ledger.run(load(house(app).layout, ["mine"]))[0]).cursor)
    assert stand_at <= begin + 60 * MINUTE
    api.act("backfill", span(begin, 1, 20))
    api.act("backfill", span(begin, 10, 40))
    total = int((stand_at - begin) / MINUTE)
    assert sum(api.tally().values()) == total
    assert len({row[0] for row in api.fires()}) == len(api.fires())
