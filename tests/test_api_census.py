"""Counts, living processes and queues: what the API says, how exact it is, and that it costs the same however many."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from core.causes import Cause
from core.clock import from_ms, now, rfc3339, to_ms
from core.house import house
from core.ledger.acceptance import Request, accept
from core.ledger.alive import beat
from core.ledger.deploys import deployed
from core.ledger.depths import LOOKED, depths
from core.testing import drain

HANDLERS = """
    from core import *

    @on("order.*", name="send", queue="mail", retries=0)
    def send(event: Event) -> None:
        if event.type == "order.odd":
            raise RuntimeError("odd")

    @on("order.*", name="archive")
    def archive(event: Event) -> None: ...

    @every(minutes=5)
    def tidy() -> None: ...
"""


def order(api, kind="order.placed", **more):
    return api.send("/events", {"type": kind, "data": {}, **more})


def put(app, prefix, requests):
    """Record one event with *requests*, past all handlers."""
    here = house(app)
    cause = Cause(kind="event", id=prefix, type="bulk", source="/t", time="2026-11-22T09:00:00Z", data={})
    here.ledger.run(accept(here.keys, here.bus.keyring, cause, requests))


def many(app, queue, count, **more):
    for n in range(0, count, 500):
        size = min(500, count - n)
        put(app, f"{queue}-{n}-{more}", [Request(task="t", queue=queue, **more)] * size)


def queues(api):
    return {row["queue"]: row for row in api.get("/queues")["items"]}


class TestStats:
    def test_counts(self, app, api):
        order(api), order(api, "order.odd")
        drain(app)
        order(api, delay=60)
        found = api.get("/stats")
        counts = {state: count for state, count in found["counts"].items() if count}
        assert counts == {"succeeded": 3, "dead": 1, "scheduled": 2}
        assert (found["open"], found["failed"], found["events"]) == (2, 1, 3)
        assert (found["fires"], found["calls"], found["schedules"]) == (0, 0, 0)
        assert found["memory"]["used"] > 0
        assert found["memory"]["limit"] == 256 * 1024 * 1024

    def test_the_last_hour(self, app, api):
        nothing = api.get("/stats")["last_hour"]
        assert nothing == dict.fromkeys(("succeeded", "failed", "retried", "started"), 0) | {
            "wait_p50_ms": None,
            "wait_p95_ms": None,
        }
        order(api), order(api, "order.odd")
        drain(app)
        found = api.get("/stats")["last_hour"]
        assert (found["succeeded"], found["failed"], found["retried"], found["started"]) == (3, 1, 0, 4)
        assert 0 < found["wait_p50_ms"] <= found["wait_p95_ms"] < 60_000

    def test_bad_queries(self, api):
        for path in (
            "/stats?x=1",
            "/stats/series?span=year",
            "/stats/series?x=1",
            "/workers?x=1",
            "/workers?role=king",
            "/queues?cursor=x",
            "/queues?limit=0",
        ):
            assert api.get(path, 400)["type"] == "/problems/bad-query"


class TestSeries:
    @pytest.mark.parametrize(("span", "count", "minutes"), [("hour", 60, 1), ("day", 96, 15), ("month", 720, 60)])
    def test_each_stretch_is_there(self, app, api, span, count, minutes):
        order(api), order(api, "order.odd", delay=60)
        drain(app)
        [waits] = api.get("/runs?state=scheduled&limit=1")["items"]
        api.send(f"/runs/{waits['id']}/cancel", {})
        found = api.get(f"/stats/series?span={span}")
        starts = [datetime.fromisoformat(item["start"]) for item in found["items"]]
        assert {after - before for before, after in pairwise(starts)} == {timedelta(minutes=minutes)}
        assert (len(starts), found["next"], found["deploys"]) == (count, None, [])
        assert 0 <= (now() - starts[-1]).total_seconds() < 60 * minutes + 5
        names = ("succeeded", "discarded", "failed", "retried", "cancelled", "started")
        assert {name: sum(item[name] for item in found["items"]) for name in names} == {
            **dict.fromkeys(names, 0),
            "succeeded": 2,
            "cancelled": 1,
            "started": 2,
        }
        assert (found["items"][0]["wait_p50_ms"], found["items"][0]["wait_p95_ms"]) == (None, None)

    def test_an_hour_is_usual(self, api):
        assert len(api.get("/stats/series")["items"]) == 60

    def test_deploys_within_it(self, app, api):
        here, moment = house(app), to_ms(now())
        for release, hours in (("v1", 3), ("v2", 0)):
            here.ledger.run(deployed(here.keys, release, moment - hours * 3_600_000))
        [deploy] = api.get("/stats/series?span=hour")["deploys"]
        assert deploy == {"release": "v2", "at": rfc3339(from_ms(moment))}
        assert [deploy["release"] for deploy in api.get("/stats/series?span=day")["deploys"]] == ["v1", "v2"]


class TestWorkers:
    def test_what_they_say(self, app, api):
        assert api.get("/workers") == {"items": [], "next": None}
        here = house(app)
        info = {"queues": ["mail"], "busy": 3, "stuck": 1, "concurrency": 32, "pid": 7, "host": "a", "mark": "x y"}
        here.ledger.run(beat(here.keys, "worker", "a.7.x", info))
        here.ledger.run(beat(here.keys, "beat", "a.8.x", {}))
        items = {item["role"]: item for item in api.get("/workers")["items"]}
        worker = items["worker"]
        assert {name: worker[name] for name in ("id", "queues", "busy", "stuck", "concurrency")} == {
            "id": "a.7.x",
            **{name: info[name] for name in ("queues", "busy", "stuck", "concurrency")},
        }
        assert 0 <= worker["age"] < 10
        assert worker["seen"].endswith("Z")
        assert "mark" not in worker
        assert [item["role"] for item in api.get("/workers?role=beat")["items"]] == ["beat"]
        page = api.get("/workers?limit=1")
        rest = api.get(f"/workers?limit=1&cursor={page['next']}")
        assert {one["items"][0]["role"] for one in (page, rest)} == {"worker", "beat"}
        assert rest["next"] is None


class TestQueues:
    def test_depth_and_wait(self, app, api):
        assert set(queues(api)) == {"default", "mail"}
        assert queues(api)["mail"]["oldest"] is None
        order(api, "order.odd")
        [first] = api.get("/runs?queue=mail")["items"]
        order(api), order(api, delay=60)
        found = queues(api)
        assert [found["mail"][state] for state in ("pending", "scheduled", "running", "retrying")] == [2, 1, 0, 0]
        assert (found["mail"]["oldest"], found["mail"]["exact"]) == (first["due"], True)
        assert 0 <= found["mail"]["wait"] < 10
        drain(app)
        assert [queues(api)["mail"][state] for state in ("pending", "scheduled")] == [0, 1]

    def test_queues_of_workers_and_of_runs_are_shown_too(self, app, api):
        here = house(app)
        here.ledger.run(beat(here.keys, "worker", "w", {"queues": ["mail", "old"]}))
        many(app, "lost", 1)
        found = queues(api)
        assert (found["old"]["workers"], found["lost"]["workers"], found["mail"]["workers"]) == (1, 0, 1)
        assert found["lost"]["pending"] == 1

    def test_pages(self, api):
        page = api.get("/queues?limit=1")
        rest = api.get(f"/queues?limit=1&cursor={page['next']}")
        assert {one["items"][0]["queue"] for one in (page, rest)} == {"default", "mail"}

    def test_a_backlog_is_exact_while_one_queue_is_large(self, app, api, monkeypatch):
        monkeypatch.setattr("core.ledger.depths.FEW", 600)
        many(app, "large", 3 * LOOKED)
        many(app, "mail", 20)
        many(app, "default", 7)
        found = queues(api)
        assert [(found[name]["pending"], found[name]["exact"]) for name in ("large", "mail", "default")] == [
            (3 * LOOKED, True),
            (20, True),
            (7, True),
        ]
        assert found["mail"]["oldest"] is None or found["mail"]["wait"] < 10

    def test_several_large_ones_are_estimated(self, app, api, monkeypatch):
        monkeypatch.setattr("core.ledger.depths.FEW", 600)
        for queue, count in (("one", 3000), ("two", 1000), ("mail", 40)):
            many(app, queue, count)
        found = queues(api)
        assert (found["mail"]["pending"], found["mail"]["exact"], found["one"]["exact"]) == (40, True, False)
        assert found["one"]["pending"] + found["two"]["pending"] == 4000
        assert 2700 <= found["one"]["pending"] <= 3300  # 500 drawn by lot: 3 standard deviations are 250

    def test_the_work_does_not_grow(self, app, monkeypatch):
        here = house(app)
        monkeypatch.setattr("core.ledger.depths.FEW", 600)

        def commands():
            flow, count = depths(here.keys, ["mail", "large"]), 0
            try:
                asked = next(flow)
                while True:
                    count += len(asked)
                    asked = flow.send(here.ledger._answers(asked))
            except StopIteration:
                return count

        many(app, "large", 2 * LOOKED)
        few = commands()
        many(app, "large", 4 * LOOKED)
        many(app, "other", 4 * LOOKED)
        assert commands() <= few + 5
