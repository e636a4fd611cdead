"""Retry and cancel over HTTP: one run, and all that a filter finds."""

import json

import pytest

from core.house import house
from core.testing import drain, runs
from core.web import acting_api

HANDLERS = """
    from core import *

    class Placed(Event, type="order.placed"):
        order_id: int

    @on(Placed, name="send", queue="mail", retries=0)
    def send(event: Placed) -> int:
        if event.order_id < 0:
            raise RuntimeError("no stock")
        if event.order_id == 13:
            raise Discard("unlucky")
        return event.order_id

    @on("order.*", name="archive", retries=1, backoff=[60])
    def archive(event: Event) -> None:
        if event.type == "order.odd":
            raise RuntimeError("odd")

    @task(name="tidy")
    def tidy() -> None: ...
"""


def place(api, *orders, **more):
    """Emit an order each; return the runs of the task send."""
    found = [api.send("/events", {"type": "order.placed", "data": {"order_id": n}, **more})["runs"] for n in orders]
    return [run["id"] for runs in found for run in runs if run["task"] == "send"]


def state(api, run):
    return api.get(f"/runs/{run}")["state"]


def ended(api, app, name):
    """Return a run of the task send in the state *name*."""
    more = {"delay": 60} if name == "scheduled" else {}
    [run] = place(api, {"dead": -1, "discarded": 13}.get(name, 7), **more)
    if name not in ("scheduled", "pending", "cancelled"):
        drain(app)
    if name == "cancelled":
        api.send(f"/runs/{run}/cancel")
    assert state(api, run) == name
    return run


class TestOne:
    @pytest.mark.parametrize("name", ["dead", "discarded", "cancelled", "scheduled"])
    def test_retry(self, app, api, name):
        run = ended(api, app, name)
        view = api.send(f"/runs/{run}/retry", {})
        assert (view["id"], view["state"]) == (run, "pending")
        assert set(view) == set(api.get(f"/runs/{run}"))
        assert run in {one["id"] for one in drain(app)}

    def test_a_run_that_waits_for_its_next_attempt_is_retried_now(self, app, api):
        [run] = [run["id"] for run in api.send("/events", {"type": "order.odd", "data": {}})["runs"]]
        drain(app)
        assert state(api, run) == "retrying"
        assert api.send(f"/runs/{run}/retry")["state"] == "pending"
        drain(app)
        assert (state(api, run), api.get(f"/runs/{run}")["attempt"]) == ("retrying", 2)  # its failures count from 0

    @pytest.mark.parametrize("name", ["succeeded", "pending"])
    def test_retry_of_what_cannot_be(self, app, api, name):
        run = ended(api, app, name)
        problem = api.refused(409, "state-conflict", f"/runs/{run}/retry")
        assert problem["state"] == name
        assert f"Run {run} is {name}, so it cannot be retried" in problem["detail"]
        assert state(api, run) == name

    @pytest.mark.parametrize("name", ["scheduled", "pending"])
    def test_cancel(self, app, api, name):
        run = ended(api, app, name)
        assert api.send(f"/runs/{run}/cancel")["state"] == "cancelled"
        drain(app)
        assert state(api, run) == "cancelled"

    @pytest.mark.parametrize("name", ["succeeded", "dead", "cancelled"])
    def test_cancel_of_what_cannot_be(self, app, api, name):
        run = ended(api, app, name)
        problem = api.refused(409, "state-conflict", f"/runs/{run}/cancel")
        assert (problem["state"], "cannot be cancelled" in problem["detail"]) == (name, True)

    def test_a_running_run_is_not_cancelled(self, app, api):
        [run] = place(api, 7)
        house(app).ledger.client.hset(house(app).keys.run(run), "state", "running")
        assert api.refused(409, "state-conflict", f"/runs/{run}/cancel")["state"] == "running"

    @pytest.mark.parametrize("act", ["retry", "cancel"])
    @pytest.mark.parametrize("run", ["x", "x.0", "%00", "é", "x" * 3000])
    def test_unknown_runs(self, api, act, run):
        api.refused(404, "not-found", f"/runs/{run}/{act}")

    def test_a_run_whose_record_is_gone_is_not_retried(self, app, api):
        run, other = ended(api, app, "dead"), ended(api, app, "dead")
        here = house(app)
        here.ledger.client.delete(here.keys.record(run.rpartition(".")[0]))
        api.refused(410, "payload-expired", f"/runs/{run}/retry")
        found = api.send("/runs/retry", {"state": "dead"})
        assert found == {"matched": 2, "done": 1, "conflicts": 1, "next": None}
        assert [state(api, one) for one in (run, other)] == ["dead", "pending"]
        said = app.test_cli_runner().invoke(args=["runs", "retry", run])
        assert (said.exit_code, said.stderr.count("past its retention")) == (1, 1)

    def test_a_run_that_waits_is_cancelled_without_its_record_too(self, app, api):
        run = ended(api, app, "pending")
        house(app).ledger.client.delete(house(app).keys.record(run.rpartition(".")[0]))
        assert api.send(f"/runs/{run}/cancel")["state"] == "cancelled"

    def test_hints_of_retried_runs_are_published(self, app, api, monkeypatch):
        published = []
        run = ended(api, app, "dead")
        house(app).publisher.flush(5)
        monkeypatch.setattr(house(app).publisher, "_work", published.extend)
        api.send(f"/runs/{run}/retry")
        house(app).publisher.flush(5)
        assert [(hint.run, hint.queue) for hint in published] == [(run, "mail")]

    @pytest.mark.parametrize("act", ["retry", "cancel"])
    def test_bodies(self, app, api, act):
        path = f"/runs/{ended(api, app, 'scheduled')}/{act}"
        api.refused(415, "unsupported-media-type", path, b"{}", "text/plain")
        assert api.headers["Accept-Post"] == "application/json"
        api.refused(415, "unsupported-media-type", path, b"{}", None)
        api.refused(400, "malformed-json", path, b"{")
        api.refused(400, "json-too-complex", path, b"[" * 99)
        api.refused(413, "content-too-large", path, b" " * (256 * 1024 + 1))
        assert api.pointers("invalid-request", path, []) == {""}
        assert api.pointers("invalid-request", path, {"now": True, "a/b": 1}) == {"/now", "/a~1b"}
        assert {run["state"] for run in runs(app)} == {"scheduled"}
        api.send(path, b"", None)

    def test_a_request_with_a_key_counts_once(self, app, api):
        run = ended(api, app, "dead")
        path = f"/runs/{run}/retry"
        api.send(path, Idempotency_Key="k1")
        drain(app)
        assert api.send(path, Idempotency_Key="k1")["state"] == "dead"
        assert api.get(f"/runs/{run}")["attempt"] == 2
        assert api.send(path, Idempotency_Key="k2")["state"] == "pending"
        api.refused(400, "idempotency-key-invalid", path, Idempotency_Key="\xe9")


class TestMany:
    def test_all_that_match(self, app, api):
        dead, fine = place(api, *range(-5, 0)), place(api, 1, 2)
        drain(app)
        assert api.send("/runs/retry", {"state": "failed"}) == {"matched": 5, "done": 5, "conflicts": 0, "next": None}
        assert {state(api, run) for run in dead} == {"pending"}
        assert {state(api, run) for run in fine} == {"succeeded"}
        drain(app)
        assert {state(api, run) for run in dead} == {"dead"}

    def test_filters(self, app, api):
        place(api, -1, 2, 3)
        place(api, 4, 5, delay=60)
        [odd] = api.send("/events", {"type": "order.odd", "data": {}})["runs"]
        drain(app)

        def matched(**body):
            return api.send("/runs/cancel", body)["matched"]

        assert matched(task="nobody") == matched(schedule="nobody") == matched(event="x") == matched(ids=[]) == 0
        assert matched(state="succeeded", queue="mail") == 2
        assert matched(to="2001-01-01T00:00:00Z") == matched(**{"from": "2999-01-01T00:00:00+01:00"}) == 0
        assert matched(ids=["x", odd["id"], odd["id"]], task="send") == 0
        assert matched(ids=[odd["id"]], **{"from": "2999-01-01T00:00:00Z"}) == 0
        assert api.send("/runs/cancel", {"event": "order.odd"})["done"] == 1
        assert api.send("/runs/cancel", {"event": "order.placed", "task": "send"})["done"] == 2
        assert api.send("/runs/cancel", {"all": True})["done"] == 2
        assert api.send("/runs/cancel", {"all": True})["matched"] == 0

    def test_retry_means_what_failed_where_no_state_is_named(self, app, api):
        dead, fine, later = *place(api, -1, 1), *place(api, 2, delay=60)
        drain(app)
        assert api.send("/runs/retry", {"task": "send"}) == {"matched": 1, "done": 1, "conflicts": 0, "next": None}
        assert [state(api, run) for run in (dead, fine, later)] == ["pending", "succeeded", "scheduled"]

    def test_conflicts_are_counted(self, app, api):
        dead, fine = place(api, -1, 1)
        drain(app)
        found = api.send("/runs/retry", {"ids": [dead, fine, "gone.0"]})
        assert found == {"matched": 2, "done": 1, "conflicts": 1, "next": None}
        assert api.send("/runs/cancel", {"state": "succeeded", "task": "send"})["conflicts"] == 1

    def test_an_empty_filter_is_refused(self, app, api):
        place(api, 1)
        for body in (None, {}, {"all": False}):
            assert api.pointers("invalid-request", "/runs/cancel", body) == {""}
        assert {run["state"] for run in runs(app)} == {"pending"}

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({"state": "lost"}, {"/state"}),
            ({"state": ""}, {"/state"}),
            ({"state": ["dead"]}, {"/state"}),
            (
                {"task": "", "queue": 5, "event": None, "schedule": "x" * 301},
                {"/task", "/queue", "/event", "/schedule"},
            ),
            ({"from": "yesterday", "to": "2026-11-22T09:00:00"}, {"/from", "/to"}),
            ({"ids": "x"}, {"/ids"}),
            ({"ids": ["x", 5]}, {"/ids"}),
            ({"ids": ["x"] * 10_001}, {"/ids"}),
            ({"all": "yes"}, {"/all"}),
            ({"all": True, "limit": 5, "State": "dead"}, {"/limit", "/State"}),
            (["dead"], {""}),
        ],
    )
    def test_bad_filters(self, app, api, body, pointers):
        place(api, 1)
        for act in ("retry", "cancel"):
            assert api.pointers("invalid-request", f"/runs/{act}", body) == pointers
        assert {run["state"] for run in runs(app)} == {"pending"}

    @pytest.mark.parametrize("query", ["cursor=x", "cursor=", "limit=5", "state=dead", "cursor=" + "OTk5" * 2000])
    def test_bad_queries(self, api, query):
        api.refused(400, "bad-query", f"/runs/cancel?{query}", {"all": True})

    def test_bad_bodies(self, api):
        api.refused(415, "unsupported-media-type", "/runs/retry", b'{"all":true}', "text/plain")
        api.refused(400, "malformed-json", "/runs/retry", b'{"all":true,"all":true}')

    @pytest.mark.parametrize("by", ["filter", "ids"])
    def test_when_time_runs_out_the_same_request_goes_on(self, app, api, monkeypatch, by):
        monkeypatch.setattr(acting_api, "TIME", 0)
        monkeypatch.setattr("core.operating.BATCH", 2)
        there = place(api, *range(-7, 0))
        body = {"state": "pending", "task": "send"} if by == "filter" else {"ids": there}
        path, total, requests = "/runs/cancel", 0, 0
        while path:
            found = api.send(path, body)
            assert found["matched"] <= 2
            total, requests = total + found["done"], requests + 1
            path = found["next"] and f"/runs/cancel?cursor={found['next']}"
        assert (total, requests >= 4) == (7, True)
        assert {state(api, run) for run in there} == {"cancelled"}

    def test_runs_that_die_again_at_once_are_not_retried_for_ever(self, app, api, monkeypatch):
        monkeypatch.setattr("core.operating.BATCH", 3)
        there = place(api, *range(-10, 0))
        drain(app)
        bus = house(app).bus
        original = bus.publish

        def die(hints):
            original(hints)
            for hint in hints:
                house(app).runner.execute(hint.run)

        object.__setattr__(bus, "publish", die)
        assert api.send("/runs/retry", {"state": "dead"})["done"] == 10
        assert {(state(api, run), api.get(f"/runs/{run}")["attempt"]) for run in there} == {("dead", 2)}

    def test_a_key_counts_once(self, app, api):
        dead = place(api, -1, -2)
        drain(app)
        for _ in range(2):
            assert api.send("/runs/retry", {"ids": dead}, Idempotency_Key="k")["done"] == 2
            drain(app)
        assert {api.get(f"/runs/{run}")["attempt"] for run in dead} == {2}


class TestListsOfDeadAndDelayed:
    def test_pages_and_times(self, app, api):
        place(api, *range(-4, 0))
        place(api, 1, 2, 3, delay=3600)
        drain(app)
        for name, count in (("dead", 4), ("scheduled", 6)):
            seen, path = [], f"/runs?state={name}&limit=3"
            while path:
                page = api.get(path)
                seen += page["items"]
                path = page["next"] and f"/runs?state={name}&limit=3&cursor={page['next']}"
            assert (len(seen), {run["state"] for run in seen}) == (count, {name})
            assert len({run["id"] for run in seen}) == count
        waits = api.get("/runs?state=scheduled&queue=mail&from=2026-01-01T00:00:00Z")["items"]
        assert len(waits) == 3
        assert all(run["due"] > run["created"] and run["started"] is None for run in waits)


def test_the_first_page_shows_what_was_done(app, api):
    run = ended(api, app, "dead")
    api.send(f"/runs/{run}/retry")
    assert app.test_client().get("/").status_code == 200
    assert json.dumps(api.get(f"/runs/{run}"))
