"""Whatever is sent to our routes: never a 5xx, and every refusal is a problem that can be read."""

import hashlib
import hmac
import json
import uuid

import pytest
from fuzzing import BEARER, ask, bodies, headers, latin, media, queries, raw, seldom, trees, usually_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.house import house
from core.testing import API_TOKEN, WEBHOOK_SECRET, application, drain, events
from core.web.problems import OURS

BOUNDED = settings(max_examples=700, deadline=None, suppress_health_check=list(HealthCheck))

words = st.sampled_from(
    ["api", "v1", "events", "runs", "tasks", "schedules", "fires", "run", "hooks", "github", "problems", "healthz"]
    + ["metrics", "preview", "pause", "resume", "skip", "backfill"]
    + [
        "readyz",
        "retry",
        "cancel",
        "replay",
        "stats",
        "series",
        "workers",
        "queues",
        "..",
        ".",
        "",
        "%00",
        "x",
        "\x00",
        "\xff",
        "schedules.digest.hourly_digest",
        "static",
        "carillon",
    ]
)
paths = st.lists(words | raw, max_size=7).map(lambda parts: "/" + "/".join(parts))
ours = st.tuples(st.sampled_from([*OURS, "/api/v1", "/api/v1/events", "/api/v1/runs", "/api/v1/schedules"]), paths)
methods = st.sampled_from(
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "\xe9", "X" * 300]
)
LISTS = ("events", "runs", "schedules", "workers", "queues")
members = st.sampled_from(["state", "task", "event", "schedule", "queue", "from", "to", "ids", "all"])
members |= st.sampled_from(["only", "tasks", "data"])
likely = st.sampled_from(
    ["failed", "dead,succeeded", "pending", "all", "default", "activity.digest", "handlers.github.keep_activity"]
    + ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-22T09:00:00Z", True, [], ["x"], {}]
)
fine = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["failed", "dead,succeeded", "pending", "lost"]),
        "task": likely | st.text(max_size=20),
        "event": st.sampled_from(["activity.digest", "github.push", "x"]),
        "from": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
        "ids": st.lists(st.sampled_from(["x", "x.0"]) | st.text(min_size=1, max_size=20), max_size=3),
        "all": st.booleans(),
    },
)
anew = st.fixed_dictionaries(
    {},
    optional={
        "only": st.sampled_from(["all", "failed", "none"]),
        "tasks": st.lists(likely, min_size=1, max_size=2),
        "data": trees | st.just({"day": "x", "deliveries": 1, "repositories": []}),
    },
)
asked = fine | anew | st.just({}) | st.dictionaries(members | st.text(max_size=8), likely | trees, max_size=4)
asked = asked.map(lambda tree: json.dumps(tree).encode())
asked = asked | asked | bodies | st.just(b"")


@pytest.fixture(scope="module")
def app(server_url):
    with application(server_url, prefix=f"t{uuid.uuid4().hex[:10]}") as app:
        yield app


@BOUNDED
@given(ours.map("".join) | paths, methods, queries, st.sampled_from([BEARER, "", "Bearer x"]) | latin)
def test_paths_methods_and_tokens(app, path, method, query, token):
    answer = ask(app, path, method, query=query, token=token)
    guarded = path.startswith("/api/v1/") and token != BEARER
    assert not (guarded and answer.status_code < 300 and token.partition(" ")[2].strip() != API_TOKEN)


@BOUNDED
@given(st.sampled_from([*LISTS, "schedules/schedules.digest.hourly_digest/fires"]), queries)
def test_lists(app, kind, query):
    answer = ask(app, f"/api/v1/{kind}", "GET", query=query)
    assert answer.status_code in (200, 400, 404)
    if answer.status_code == 200:
        assert set(answer.get_json()) == {"items", "next"}


@BOUNDED
@given(bodies, media, headers, st.sampled_from(["", "partial=true"]))
def test_events(app, body, content_type, given_headers, query):
    request = {"data": body, "content_type": content_type, "headers": given_headers}
    answer = ask(app, "/api/v1/events", "POST", query=query, **request)
    if answer.status_code == 202:
        listed = [
            one["id"]
            for one in app.test_client().get("/api/v1/events", headers={"Authorization": BEARER}).json["items"]
        ]
        for receipt in answer.json if isinstance(answer.json, list) else [answer.json]:
            found = ask(app, f"/api/v1/events/{receipt['id']}", "GET")
            assert (found.status_code, found.json["type"]) == (200, receipt["type"])
            assert receipt["duplicate"] or receipt["id"] in listed


@BOUNDED
@given(bodies, media, latin | st.just("push"), latin | st.uuids().map(str), st.booleans(), headers)
def test_deliveries(app, body, content_type, event, ident, signed, given_headers):
    signature = "sha256=" + hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    given_headers |= {"X-GitHub-Event": event, "X-GitHub-Delivery": ident}
    given_headers |= {"X-Hub-Signature-256": signature if signed else signature[:-1]}
    answer = ask(app, "/hooks/github", "POST", data=body, content_type=content_type, headers=given_headers)
    assert signed or answer.status_code in (400, 401, 413, 415)


@BOUNDED
@given(
    st.data(), st.sampled_from(["runs/{}/retry", "runs/{}/cancel", "events/{}/replay"]), usually_json, seldom, queries
)
def test_what_is_done_to_one(app, data, route, content_type, given_headers, query):
    here = house(app)
    kind = "causes:event" if route.startswith("events") else "state:" + data.draw(st.sampled_from(["pending", "dead"]))
    [*known] = here.ledger.client.zrange(f"{{{here.keys.prefix}}}:{kind}", 0, 4)
    ident = data.draw(st.sampled_from([one.decode() for one in known] + ["x", "x.0"]) | raw)
    path, body = f"/api/v1/{route.format(ident)}", data.draw(asked)
    answer = ask(app, path, "POST", query=query, data=body, content_type=content_type, headers=given_headers)
    assert answer.status_code in (202, 301, 308, 400, 404, 405, 409, 413, 415, 422)


@BOUNDED
@given(st.sampled_from(["retry", "cancel"]), asked, usually_json, seldom, st.just("") | st.just("") | queries)
def test_what_is_done_to_many(app, act, body, content_type, given_headers, query):
    request = {"data": body, "content_type": content_type, "headers": given_headers}
    answer = ask(app, f"/api/v1/runs/{act}", "POST", query=query, **request)
    assert answer.status_code in (202, 400, 413, 415, 422)
    if answer.status_code == 202:
        found = answer.get_json()
        assert found["matched"] == found["done"] + found["conflicts"]
        assert found["next"] is None


def test_what_got_in_can_be_shown_and_run(app):
    """Runs last: whatever the others had recorded is read back and ends in a terminal state."""
    assert app.test_client().get("/").status_code == 200
    found = events(app)
    assert len(found) == min(500, house(app).ledger.client.zcard(house(app).keys.causes("event")))
    assert {run["state"] for run in drain(app, limit=5000)} <= {"succeeded", "dead", "discarded", "retrying"}
