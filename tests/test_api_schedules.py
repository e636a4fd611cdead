"""Schedules over HTTP: made, read, changed and deleted; what cannot work is refused with every reason."""

import json
from datetime import datetime, timedelta

import pytest
from api import BEARER
from scheduling_api import GOOD
from scheduling_api import HANDLERS as HANDLERS

from core.clock import now, rfc3339
from core.house import house
from core.testing import fire_due

TOMORROW = rfc3339((now() + timedelta(days=1)).replace(microsecond=0))


class TestCreating:
    def test_it_answers_with_the_schedule_its_place_and_its_etag(self, api):
        made = api.make()
        assert api.headers["Location"] == "/api/v1/schedules/mine"
        assert api.headers["ETag"] == f'"{made["etag"]}"'
        assert made == api.get("/schedules/mine")
        assert api.tag("mine") == f'"{made["etag"]}"'
        assert made == made | {
            "name": "mine",
            "task": "bells.report",
            "cron": "*/5 * * * *",
            "timezone": "UTC",
            "overlap": "allow",
            "catch_up": "latest",
            "catch_up_window": 3600.0,
            "grace": None,
            "jitter": 0.0,
            "starts_at": None,
            "ends_at": None,
            "max_runs": None,
            "pause_after": None,
            "enabled": True,
            "pause": None,
            "owner": "api",
            "last": None,
            "held": None,
            "count": 0,
        }

    def test_all_members(self, api):
        given = {
            "name": "all",
            "task": "tidy",
            "data": {"days": 3},
            "every": 90,
            "timezone": "Asia/Tokyo",
            "overlap": "queue_one",
            "catch_up": "all",
            "catch_up_window": 60.0,
            "grace": 5,
            "jitter": 2.5,
            "starts_at": "2999-01-01T00:00:00Z",
            "ends_at": "2999-01-02T00:00:00Z",
            "max_runs": 7,
            "pause_after": 2,
            "enabled": False,
        }
        made = api.send("/schedules", given, status=201)
        assert {name: made[name] for name in given} == given
        assert (made["paused"], made["next"]) == (True, None)
        assert api.patch("all", {"enabled": True})["next"] == "2999-01-01T00:00:00Z"

    @pytest.mark.parametrize(
        ("members", "overlap"),
        [
            ({}, "allow"),
            ({"cron": None, "every": 60}, "skip"),
            ({"cron": None, "every": 60, "overlap": "allow"}, "allow"),
            ({"task": None, "event": "shop.open", "cron": None, "every": 60}, "allow"),
        ],
    )
    def test_overlap_depends_on_what_it_is(self, api, members, overlap):
        assert api.make(**members)["overlap"] == overlap

    def test_a_start_is_a_planned_time_however_fine(self, api):
        made = api.make(cron=None, every=60, starts_at="2999-01-01T00:00:00.0006Z")
        assert (made["starts_at"], made["next"]) == ("2999-01-01T00:00:00Z", "2999-01-01T00:00:00Z")

    def test_null_is_the_default(self, api):
        assert api.make(jitter=None, catch_up=None, starts_at=None, data=None, enabled=None)["jitter"] == 0

    @pytest.mark.parametrize("name", ["a/b", "a:b@c", "fires", "preview", "run", "7", "_", "x" * 128, "a/run"])
    def test_names_in_urls(self, api, name):
        api.make(name=name)
        place = api.headers["Location"]
        answer = api.client.get(place, headers=BEARER)
        assert (answer.status_code, answer.get_json()["name"]) == (200, name)
        assert api.get(f"/schedules/{name.replace('/', '%2F').replace('@', '%40')}")["name"] == name
        assert api.get(f"/schedules/{name}/fires") == {"items": [], "next": None}
        assert len(api.get(f"/schedules/{name}/preview?n=3")["times"]) == 3
        assert api.send(f"/schedules/{name}/run")["schedule"] == name
        api.delete(name)
        api.get(f"/schedules/{name}", 404)

    def test_the_name_is_taken(self, api):
        api.make()
        api.refused(409, "already-exists", "/schedules", GOOD)
        api.refused(409, "already-exists", "/schedules", GOOD | {"cron": "0 0 * * *"})


REFUSED = {
    "nothing": ({}, {"/name", "/cron", "/task"}),
    "a member that is not known": (GOOD | {"cronn": "x", "a/b~c": 1}, {"/cronn", "/a~1b~0c"}),
    "no task": (GOOD | {"task": None}, {"/task"}),
    "task and event": (GOOD | {"event": "shop.open"}, {"/event"}),
    "an odd event": (GOOD | {"task": None, "event": 5}, {"/event"}),
    "an event's name": (GOOD | {"task": None, "event": "shop. "}, {"/event"}),
    "all at once": (
        {"name": "/", "cron": "x", "jitter": -1, "overlap": "?", "enabled": 1, "starts_at": "now", "task": "tidy"},
        {"/name", "/cron", "/jitter", "/overlap", "/enabled", "/starts_at", "/data/days"},
    ),
    "event and overlap": (
        {"name": "e", "event": "shop.open", "every": 60, "overlap": "skip"},
        {"/overlap"},
    ),
}
BAD = {
    "name": ["", "-x", "a b", "a//b", "a/", "a/../b", "a/.", "./b", "a/fires", "a/fires/b", "a/preview", "x" * 129, "é"]
    + [5, True, [], {}],
    "cron": [
        "",
        "* * * *",
        "60 * * * *",
        "0 0 31 2 *",
        "* * * * * *",
        "@never",
        5,
        True,
        ["*"],
        {},
        "\x00",
        "x" * 5000,
    ],
    "timezone": ["Europe/Berln", "", "../etc/passwd", 5, True, [], {}, "\x00", "x" * 5000],
    "overlap": ["wait", "", True, 1, [], {}],
    "catch_up": ["none", "", True, 1, [], {}],
    "catch_up_window": [-1, "60", True, 1e300, 366 * 86_400 + 1, [], {}],
    "grace": [0, -1, "60", True, 1e300, [], {}],
    "jitter": [-0.1, "60", True, 86_401, 1e300, [], {}],
    "max_runs": [0, -1, 1.5, "1", True, [], {}],
    "pause_after": [0, -1, 1.5, "1", True, [], {}],
    "starts_at": ["yesterday", "2027-01-01", "2027-01-01T00:00:00", 5, True, [], {}, "0001-01-01T00:00:00+23:59"]
    + ["9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z"],
    "ends_at": ["yesterday", "2027-01-01T00:00:00", 5, True, [], {}, "9999-12-31T23:59:59-23:59"],
    "enabled": [1, "true", [], {}],
    "data": [5, "x", True, [1], {"x": 1}],
}
RULES = ["", "DAILY", "FREQ=", "FREQ=DAILY;X=1", "FREQ=DAILY;COUNT=0", "\x00", "x" * 5000, 5, True, [], {}]
EVERY = [0, 0.5, -1, True, "60", "5min", 1e300, 1.00001, 36_526 * 86_400, [], {}]
AT = ["yesterday", 5, True, [], {}, "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]


class TestRefused:
    @pytest.mark.parametrize("case", REFUSED)
    def test_with_a_pointer_to_each_member(self, api, case):
        body, pointers = REFUSED[case]
        assert api.pointers("invalid-schedule", "/schedules", body) == pointers

    @pytest.mark.parametrize("member", BAD)
    def test_each_member(self, api, member):
        for value in BAD[member]:
            pointers = api.pointers("invalid-schedule", "/schedules", GOOD | {member: value})
            assert pointers == {f"/{member}"}, value
        assert api.get("/schedules")["items"] == []

    @pytest.mark.parametrize(("kind", "values"), [("every", EVERY), ("at", AT), ("rrule", RULES)])
    def test_each_kind_of_timing(self, api, kind, values):
        for value in values:
            body = {"name": "mine", "task": "bells.report", kind: value}
            assert api.pointers("invalid-schedule", "/schedules", body) == {f"/{kind}"}, value

    def test_two_timings(self, api):
        assert api.pointers("invalid-schedule", "/schedules", GOOD | {"every": 60}) == {"/cron"}

    @pytest.mark.parametrize(
        "members",
        [
            {"ends_at": "2020-01-01T00:00:00Z"},
            {"starts_at": "2999-01-02T00:00:00Z", "ends_at": "2999-01-01T00:00:00Z"},
            {"starts_at": "2999-01-01T00:00:01Z", "ends_at": "2999-01-01T00:00:02Z"},
        ],
    )
    def test_what_never_fires(self, api, members):
        found = api.refused(422, "invalid-schedule", "/schedules", GOOD | members)
        assert [error["pointer"] for error in found["errors"]] == ["/cron"]
        assert "never fires" in found["detail"]

    @pytest.mark.parametrize("task", ["nobody", "", 5, True, [], {}, "archive", "carillon.send", "os.system"])
    def test_tasks_that_are_none(self, api, task):
        data = {"task": "x", "args": [], "kwargs": {}, "options": {}} if task == "carillon.send" else {}
        found = api.refused(422, "unknown-target", "/schedules", GOOD | {"task": task, "data": data})
        assert [error["pointer"] for error in found["errors"]] == ["/task"]
        assert "bells.refresh" in found["detail"]
        assert "carillon.send" not in found["detail"]

    def test_an_event_that_is_none(self, api):
        found = api.refused(422, "unknown-target", "/schedules", {"name": "e", "event": "order.plased", "every": 60})
        assert "Did you mean order.placed?" in found["detail"]

    def test_an_unknown_task_among_other_things_is_one_of_them(self, api):
        body = GOOD | {"task": "nobody", "jitter": -1}
        assert api.pointers("invalid-schedule", "/schedules", body) == {"/task", "/jitter"}

    @pytest.mark.parametrize(
        ("data", "pointer"),
        [
            ({}, "/data/days"),
            ({"days": "x"}, "/data/days"),
            ({"days": 1, "wide": 1}, "/data/wide"),
            (None, "/data/days"),
        ],
    )
    def test_arguments_of_a_task(self, api, data, pointer):
        assert api.pointers("invalid-schedule", "/schedules", GOOD | {"task": "tidy", "data": data}) == {pointer}

    @pytest.mark.parametrize("data", [{}, {"order": "x"}, None])
    def test_data_of_an_event(self, api, data):
        body = {"name": "e", "event": "order.placed", "every": 60, "data": data}
        assert api.pointers("invalid-schedule", "/schedules", body) == {"/data/order"}

    def test_bodies_that_are_none(self, api):
        deep = b'{"data":' + b"[" * 40 + b"]" * 40 + b"}"
        for body, status, slug in (
            (b"{", 400, "malformed-json"),
            (b"[]", 422, "invalid-request"),
            (b'"x"', 422, "invalid-request"),
            (deep, 400, "json-too-complex"),
            (b'{"every":1e999}', 400, "json-too-complex"),
            (b'{"every":99999999999999999999}', 400, "json-too-complex"),
            (json.dumps(GOOD | {"data": {"x": "y" * 300_000}}).encode(), 413, "content-too-large"),
        ):
            api.refused(status, slug, "/schedules", body)
        api.refused(415, "unsupported-media-type", "/schedules", GOOD, content_type="text/plain")


class TestChanging:
    def test_merge_patch(self, api):
        api.make(jitter=5, data=None, ends_at="2999-01-01T00:00:00Z")
        found = api.patch("mine", {"timezone": "Europe/Berlin", "catch_up": "all"})
        assert (found["cron"], found["timezone"], found["catch_up"]) == ("*/5 * * * *", "Europe/Berlin", "all")
        assert (found["jitter"], found["ends_at"]) == (5.0, "2999-01-01T00:00:00Z")
        found = api.patch("mine", {"jitter": None, "timezone": None, "ends_at": None})
        assert (found["jitter"], found["timezone"], found["ends_at"]) == (0, "UTC", None)
        assert found == api.get("/schedules/mine")
        assert api.headers["ETag"] == f'"{found["etag"]}"' == api.tag("mine")

    def test_its_media_type(self, api):
        api.make()
        headers = BEARER | {"If-Match": "*", "Content-Type": "application/merge-patch+json"}
        answer = api.client.patch("/api/v1/schedules/mine", data='{"jitter": 1}', headers=headers)
        assert (answer.status_code, answer.get_json()["jitter"]) == (200, 1.0)

    def test_nothing(self, api):
        made = api.make()
        assert api.patch("mine", {}) == made

    def test_another_kind_of_timing_takes_the_place_of_the_old(self, api):
        api.make(cron=None, every=60, starts_at="2999-01-01T00:00:30Z")
        found = api.patch("mine", {"cron": "0 0 * * *"})
        assert (found["cron"], found.get("every"), found["next"]) == ("0 0 * * *", None, "2999-01-02T00:00:00Z")
        assert found["overlap"] == "skip"
        found = api.patch("mine", {"every": 60, "cron": None})
        assert (found["every"], found.get("cron"), found["next"]) == (60.0, None, "2999-01-01T00:00:30Z")
        assert api.patch("mine", {"starts_at": None})["next"].endswith(":00Z")
        found = api.patch("mine", {"at": TOMORROW})
        assert (found["at"], found.get("every"), found["next"]) == (TOMORROW, None, TOMORROW)

    def test_a_recurrence_rule_counts_from_its_start(self, api):
        rule = "FREQ=DAILY;INTERVAL=2"
        found = api.make(cron=None, rrule=rule, starts_at="2999-01-01T07:00:00Z")
        assert (found["rrule"], found["next"], found["overlap"]) == (rule, "2999-01-01T07:00:00Z", "allow")
        found = api.patch("mine", {"starts_at": "2999-01-02T08:00:00Z"})
        assert (found["rrule"], found["next"]) == (rule, "2999-01-02T08:00:00Z")
        found = api.patch("mine", {"every": 86_400})
        assert (found["every"], found.get("rrule"), found["next"]) == (86_400.0, None, "2999-01-02T08:00:00Z")
        found = api.patch("mine", {"rrule": rule, "starts_at": None})
        assert (found["rrule"], found.get("every"), found["starts_at"]) == (rule, None, None)
        assert api.patch("mine", {"rrule": "FREQ=DAILY;COUNT=2"}, 422)["errors"][0]["pointer"] == "/rrule"

    @pytest.mark.parametrize(
        ("members", "pointers"),
        [
            ({"cron": None}, {"/cron"}),
            ({"cron": "x"}, {"/cron"}),
            ({"every": 60, "at": TOMORROW}, {"/every"}),
            ({"at": "2020-01-01T00:00:00Z"}, {"/at"}),
            ({"ends_at": "2020-01-01T00:00:00Z"}, {"/cron"}),
            ({"name": "other"}, {"/name"}),
            ({"task": None}, {"/task"}),
            ({"data": {"x": 1}}, {"/data"}),
            ({"jitter": -1, "grace": True, "enabled": 0}, {"/jitter", "/grace", "/enabled"}),
            ({"owner": "code", "next": None}, {"/owner", "/next"}),
        ],
    )
    def test_what_is_refused_changes_nothing(self, api, members, pointers):
        made = api.make()
        found = api.patch("mine", members, 422)
        assert found["type"] == "/problems/invalid-schedule"
        assert {error["pointer"] for error in found["errors"]} == pointers
        assert api.get("/schedules/mine") == made

    def test_an_unknown_task(self, api):
        api.make()
        assert api.patch("mine", {"task": "nobody"}, 422)["type"] == "/problems/unknown-target"

    def test_from_a_task_to_an_event_and_back(self, api):
        api.make()
        found = api.patch("mine", {"task": None, "event": "shop.open", "data": {"door": 1}})
        assert (found["event"], found["data"], "task" in found) == ("shop.open", {"door": 1}, False)
        found = api.patch("mine", {"event": None, "data": None, "task": "bells.refresh"})
        assert (found["task"], "event" in found, "data" in found) == ("bells.refresh", False, False)

    def test_data_are_replaced_whole(self, api):
        api.make(task="tidy", data={"days": 1, "deep": True})
        assert api.patch("mine", {"data": {"days": 2}})["data"] == {"days": 2}

    def test_what_is_over_can_still_be_changed_but_for_its_timing(self, api, app):
        moment = now().replace(microsecond=0) + timedelta(seconds=30)
        api.make(cron=None, at=rfc3339(moment))
        fire_due(app, moment - timedelta(seconds=30))
        fire_due(app, moment)
        assert api.get("/schedules/mine")["next"] is None
        assert api.patch("mine", {"jitter": 1})["count"] == 1
        assert api.patch("mine", {"timezone": "Asia/Tokyo", "at": "2020-01-01T00:00:00Z"}, 422)
        assert api.patch("mine", {"at": TOMORROW})["next"] == TOMORROW

    def test_its_fires_stay(self, api, app):
        made = api.make()
        moment = datetime.fromisoformat(made["next"])
        fire_due(app, moment)
        found = api.patch("mine", {"cron": "0 0 * * *"})
        assert (found["last"]["planned"], found["count"]) == (made["next"], 1)

    @pytest.mark.parametrize("members", [{"cron": "0 8 * * *"}, {"timezone": None}, {"every": 600}, {"at": TOMORROW}])
    def test_code_leaves_the_timing_to_people(self, api, app, members):
        fire_due(app, now())
        found = api.patch("bells.report", members)
        assert found["owner"] == "code"
        assert all(found[name] == (value or "UTC") for name, value in members.items())

    @pytest.mark.parametrize(
        "member", ["task", "event", "data", "overlap", "catch_up", "catch_up_window", "grace", "jitter", "max_runs"]
    )
    def test_code_says_the_rest(self, api, app, member):
        fire_due(app, now())
        found = api.patch("bells.report", {member: None, "cron": "0 8 * * *"}, 422)
        assert [error["pointer"] for error in found["errors"]] == [f"/{member}"]
        assert "subject.py:" in found["detail"]
        assert api.get("/schedules/bells.report")["cron"] == "0 7 * * mon-fri"

    def test_enabled(self, api, app):
        fire_due(app, now())
        for name in ("bells.refresh", "off"):
            if name == "off":
                api.make(name=name, enabled=False)
            else:
                api.patch(name, {"enabled": False})
            before = api.get(f"/schedules/{name}")
            assert (before["enabled"], before["paused"], before["next"]) == (False, True, None)
            assert api.patch(name, {"enabled": False})["pause"] == before["pause"]
            after = api.patch(name, {"enabled": True})
            assert (after["enabled"], after["pause"]) == (True, None)
            assert after["next"] is not None
            assert api.patch(name, {"enabled": True})["etag"] == after["etag"]
            assert api.patch(name, {"jitter": 0} if name == "off" else {"timezone": None})["enabled"] is True


class TestETags:
    def test_they_guard_what_was_read(self, api):
        first = f'"{api.make()["etag"]}"'
        api.patch("mine", {"jitter": 1}, etag=first)
        assert api.patch("mine", {"jitter": 2}, 412, etag=first)["type"] == "/problems/precondition-failed"
        assert api.get("/schedules/mine")["jitter"] == 1

    def test_one_of_several(self, api):
        tag = f'"{api.make()["etag"]}"'
        api.patch("mine", {"jitter": 1}, etag=f'"x", {tag}')
        api.patch("mine", {"jitter": 2}, 412, etag=f'"x", {tag}')

    def test_a_star_fits_what_is_there(self, api):
        api.make()
        assert api.patch("mine", {"jitter": 1}, etag="*")["jitter"] == 1

    def test_without_one(self, api):
        api.make()
        assert api.patch("mine", {"jitter": 1}, 428, etag=None)["type"] == "/problems/precondition-required"
        assert api.get("/schedules/mine")["jitter"] == 0

    @pytest.mark.parametrize("wrong", ['W/"{}"', '"{}x"', '""', "", '"', "W/", "*, *", '"*"'])
    def test_those_that_fit_nothing(self, api, wrong):
        made = api.make()
        api.patch("mine", {"jitter": 1}, 412, etag=wrong.format(made["etag"]))

    def test_what_is_not_there(self, api):
        for tag in ("*", '"x"', None):
            assert api.patch("nobody", {}, 404, etag=tag)["type"] == "/problems/not-found"
        api.delete("nobody", 404)

    def test_they_are_stable_over_fires_skips_and_runs(self, api, app):
        made = api.make()
        fire_due(app, datetime.fromisoformat(made["next"]))
        api.send("/schedules/mine/run")
        api.send("/schedules/mine/skip")
        found = api.get("/schedules/mine")
        assert found["etag"] == made["etag"]
        assert (found["count"], len(found["skips"])) == (1, 1)
        api.patch("mine", {"jitter": 1}, etag=f'"{made["etag"]}"')

    def test_deleting(self, api):
        first = f'"{api.make()["etag"]}"'
        api.patch("mine", {"jitter": 1})
        api.delete("mine", 412, **{"If-Match": first})
        api.delete("mine", **{"If-Match": api.tag("mine")})
        api.get("/schedules/mine", 404)
        api.make()
        api.delete("mine")


class TestDeleting:
    def test_its_history_stays(self, api, app):
        made = api.make()
        fire_due(app, datetime.fromisoformat(made["next"]))
        api.delete("mine")
        [run] = api.get("/runs?schedule=mine")["items"]
        assert run["fire"]["planned"] == made["next"]
        assert house(app).ledger.client.zscore(house(app).layout.timetable, house(app).layout.key("mine")) is None

    def test_what_code_declares_stays(self, api, app):
        fire_due(app, now())
        found = api.delete("bells.report", 409).get_json(force=True)
        assert (found["type"], found["state"]) == ("/problems/state-conflict", "code")
        assert "subject.py:" in found["detail"]
        api.get("/schedules/bells.report")


class TestLists:
    def test_pages_by_name(self, api, app):
        fire_due(app, now())
        names = sorted(["bells.refresh", "bells.report", *(f"s{n:03}" for n in range(118))])
        for name in names[2:]:
            api.make(name=name)
        assert [one["name"] for one in api.get("/schedules?limit=500")["items"]] == names
        for limit in (1, 7, 50, 120):
            seen, following = [], f"/schedules?limit={limit}"
            while following:
                page = api.get(following)
                assert 1 <= len(page["items"]) <= limit
                seen += [one["name"] for one in page["items"]]
                following = page["next"] and f"/schedules?limit={limit}&cursor={page['next']}"
            assert seen == names
        assert len(api.get("/schedules")["items"]) == 50

    def test_a_page_goes_on_where_its_last_one_was_deleted(self, api):
        for name in ("a", "b", "c"):
            api.make(name=name)
        page = api.get("/schedules?limit=2")
        api.delete("b")
        assert [one["name"] for one in api.get(f"/schedules?limit=2&cursor={page['next']}")["items"]] == ["c"]

    def test_entries_that_are_not_ours(self, api, app):
        here = house(app)
        client, layout = here.ledger.client, here.layout
        api.make()
        client.hset(layout.key("broken"), "definition", "{")
        plain = {
            "name": "plain",
            "task": "celery.ping",
            "args": [],
            "kwargs": {},
            "options": {},
            "enabled": True,
            "schedule": {"__type__": "interval", "every": 60, "relative": False},
        }
        client.hset(layout.key("plain"), "definition", json.dumps(plain))
        client.set(layout.key("text"), "x")
        client.hset(layout.key("mine"), "carillon", client.hget(layout.key("mine"), "carillon").replace(b"*/5", b"*/1"))
        client.zadd(layout.timetable, {layout.key(name): 1 for name in ("broken", "plain", "text", "mine")})
        fire_due(app, now())
        found = {one["name"]: one for one in api.get("/schedules")["items"]}
        assert set(found) == {"bells.refresh", "bells.report", "broken", "plain", "text", "mine"}
        assert "cannot be read" in found["broken"]["held"]
        assert "REDBEAT_TASKS" in found["plain"]["held"]
        assert "not sealed" in found["mine"]["held"]
        assert found["plain"]["task"] == "celery.ping"
        assert [found[name]["owner"] for name in ("broken", "plain", "mine")] == ["redbeat", "redbeat", "unknown"]
        assert all(found[name]["next"] is None for name in ("broken", "plain", "text", "mine"))
        for name in ("broken", "plain", "text", "mine"):
            assert api.get(f"/schedules/{name}") == found[name]
            before = client.dump(layout.key(name))
            assert api.patch(name, {"jitter": 1}, 409)["type"] == "/problems/state-conflict"
            for act in ("run", "pause", "resume", "skip"):
                api.refused(409, "state-conflict", f"/schedules/{name}/{act}")
            api.get(f"/schedules/{name}/preview", 409)
            api.refused(409, "already-exists", "/schedules", GOOD | {"name": name})
            assert client.dump(layout.key(name)) == before
            assert api.get(f"/schedules/{name}/fires") == {"items": [], "next": None}
            if name == "text":
                api.delete(name, 409)
                continue
            api.delete(name, 412, **{"If-Match": '"x"'})
            api.delete(name)
            api.get(f"/schedules/{name}", 404)
        assert client.hkeys(here.keys.quarantine) == [b"text"]
        assert api.make()["held"] is None

    @pytest.mark.parametrize("name", [":schedule", ":lock", "%3Aschedule", "é", "%ff", "a%00b"])
    def test_keys_that_are_no_schedules(self, api, app, name):
        fire_due(app, now())
        api.get(f"/schedules/{name}", 404)
        api.delete(name, 404)
        assert house(app).ledger.client.exists(house(app).layout.timetable)


class TestFires:
    @pytest.fixture
    def begin(self, api, app):
        """Half an hour of fires, some of them doubled by force."""
        made = api.make(catch_up="all", cron="* * * * *")
        begin = datetime.fromisoformat(made["next"])
        for minute in range(30):
            fire_due(app, begin + timedelta(minutes=minute))
        return begin

    def test_from_and_to(self, api, begin):
        since, until = (rfc3339(begin + timedelta(minutes=minutes)) for minutes in (10, 19))
        found = api.get(f"/schedules/mine/fires?from={since}&to={until}")["items"]
        assert [found[0]["planned"], found[-1]["planned"], len(found)] == [until, since, 10]

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
    def test_pages_lose_nothing_that_stands_at_one_time(self, api, app, begin, limit):
        here = house(app)
        key = here.keys.fires("mine")
        for n in range(4):
            moment = begin + timedelta(minutes=5)
            row = json.dumps([int(moment.timestamp() * 1000), "fired", f"asked {n}", 0, None])
            here.ledger.client.zadd(key, {row: moment.timestamp() * 1000})
        seen, following = [], f"/schedules/mine/fires?limit={limit}"
        while following:
            page = api.get(following)
            seen += [(one["planned"], one["cause"]) for one in page["items"]]
            assert len(seen) <= 34
            following = page["next"] and f"/schedules/mine/fires?limit={limit}&cursor={page['next']}"
        assert len(seen) == len(set(seen)) == 34
        assert [planned for planned, _ in seen] == sorted((planned for planned, _ in seen), reverse=True)

    def test_of_nothing(self, api):
        api.get("/schedules/nobody/fires", 404)
