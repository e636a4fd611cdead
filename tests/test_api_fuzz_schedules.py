"""Whatever is said of schedules, or done to them: never a 5xx, and every refusal is a problem that can be read."""

import json
import uuid

import pytest
from fuzzing import BEARER, ask, bodies, latin, queries, raw, seldom, trees, usually_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.testing import application

BOUNDED = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

GOOD_DAY = {"name": "fuzz", "task": "schedules.digest.hourly_digest", "every": 3600}
times = st.sampled_from(
    ["2026-11-22T09:00:00Z", "2999-01-01T00:00:00+02:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
    + ["2999-01-01T00:00:00", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]
)
crons = st.sampled_from(["* * * * *", "@daily", "0 0 29 2 mon", "0 0 31 2 *", "*/7 1-5,9 * jan sun", "60 * * * *"])
rules = st.sampled_from(["FREQ=DAILY", "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9", "FREQ=YEARLY;COUNT=2", "FREQ=", "X"])
odd = trees | times | crons | rules | st.text(max_size=12)
planned = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["fuzz", "a/b", "a//b", "x/fires", ":lock", "preview"]) | odd,
        "task": st.sampled_from(["schedules.digest.hourly_digest", "carillon.send", "nobody"]) | odd,
        "event": st.sampled_from(["activity.digest", "github.push", "nobody"]) | odd,
        "data": st.just({"day": "x", "deliveries": 1, "repositories": []}) | odd,
        "cron": crons | odd,
        "every": st.sampled_from([1, 60, 0.5, 3_155_760_000, 1e300, True]) | odd,
        "at": times | odd,
        "rrule": rules | odd,
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Mars/Base", "../x"]) | odd,
        "starts_at": times | odd,
        "ends_at": times | odd,
        "overlap": st.sampled_from(["allow", "skip", "queue_one"]) | odd,
        "catch_up": st.sampled_from(["skip", "latest", "all"]) | odd,
        "catch_up_window": st.sampled_from([0, 60, 1e300]) | odd,
        "grace": st.sampled_from([1, 0.5, None]) | odd,
        "jitter": st.sampled_from([0, 5.5, 86_400]) | odd,
        "max_runs": st.sampled_from([1, 2**53, 2**60]) | odd,
        "pause_after": st.sampled_from([1, 2**53]) | odd,
        "enabled": st.booleans() | odd,
        "n": st.sampled_from([1, 5, 1000, 1001, True]) | odd,
        "from": times | odd,
    },
)
few = planned.map(lambda tree: dict(list(tree.items())[:4]))
drafts = few.map(lambda tree: GOOD_DAY | tree) | few | planned
drafts = drafts.map(lambda tree: json.dumps(tree).encode()) | bodies
deeds = st.fixed_dictionaries(
    {},
    optional={
        "note": st.text(max_size=250) | odd,
        "until": times | odd,
        "planned": times | odd,
        "from": times | odd,
        "to": times | odd,
        "force": st.booleans() | odd,
    },
)
deeds = deeds.map(lambda tree: json.dumps(tree).encode()) | bodies | st.just(b"")
schedule_names = st.sampled_from(["fuzz", "schedules.digest.hourly_digest", "nobody", ":lock", ":schedule"]) | raw
tags = st.sampled_from(["*", '"x"', 'W/"x"', '"', "", "*, *", '"a", "b"']) | latin


@pytest.fixture(scope="module")
def app(server_url):
    with application(server_url, prefix=f"t{uuid.uuid4().hex[:10]}") as app:
        yield app


@BOUNDED
@given(drafts, usually_json, seldom)
def test_schedules_made(app, body, content_type, given_headers):
    request = {"data": body, "content_type": content_type, "headers": given_headers}
    answer = ask(app, "/api/v1/schedules", "POST", **request)
    assert answer.status_code in (201, 400, 409, 413, 415, 422)
    if answer.status_code == 201:
        found = app.test_client().get(answer.headers["Location"], headers={"Authorization": BEARER})
        assert (found.status_code, found.get_json()) == (200, answer.get_json())
        url = f"/api/v1/schedules/{answer.get_json()['name']}"
        assert ask(app, f"{url}/preview", "GET", query="n=1000").status_code == 200
        assert ask(app, url, "DELETE").status_code == 204


@BOUNDED
@given(st.sampled_from(["fuzz", "schedules.digest.hourly_digest"]), drafts, usually_json, seldom, tags)
def test_schedules_changed(app, name, body, content_type, given_headers, tag):
    ask(app, "/api/v1/schedules", "POST", data=json.dumps(GOOD_DAY).encode(), content_type="application/json")
    request = {"data": body, "content_type": content_type, "headers": given_headers | {"If-Match": tag}}
    answer = ask(app, f"/api/v1/schedules/{name}", "PATCH", **request)
    assert answer.status_code in (200, 400, 404, 412, 413, 415, 422)
    if answer.status_code == 200:
        assert answer.get_json() == ask(app, f"/api/v1/schedules/{name}", "GET").get_json()


@BOUNDED
@given(drafts, usually_json, seldom)
def test_schedules_previewed(app, body, content_type, given_headers):
    request = {"data": body, "content_type": content_type, "headers": given_headers}
    answer = ask(app, "/api/v1/schedules/preview", "POST", **request)
    assert answer.status_code in (200, 400, 413, 415, 422)


@BOUNDED
@given(schedule_names, st.sampled_from(["preview", "fires"]), queries | times.map("n=3&from={}".format))
def test_schedules_looked_into(app, name, what, query):
    assert ask(app, f"/api/v1/schedules/{name}/{what}", "GET", query=query).status_code in (200, 308, 400, 404)


@BOUNDED
@given(
    schedule_names, st.sampled_from(["run", "pause", "resume", "skip", "backfill"]), deeds, usually_json, seldom, tags
)
def test_schedules_acted_on(app, name, act, body, content_type, given_headers, tag):
    ask(app, "/api/v1/schedules", "POST", data=json.dumps(GOOD_DAY).encode(), content_type="application/json")
    request = {"data": body, "content_type": content_type, "headers": given_headers}
    answer = ask(app, f"/api/v1/schedules/{name}/{act}", "POST", **request)
    assert answer.status_code in (202, 308, 400, 404, 405, 409, 413, 415, 422)
    assert ask(app, f"/api/v1/schedules/{name}", "DELETE", headers={"If-Match": tag}).status_code != 200
