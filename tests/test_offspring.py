"""What a run's handler emits and calls is known as its own, for as long as it is there."""

from core.causes import Cause
from core.house import house
from core.ledger.forgetting import forget, oldest
from core.ledger.offspring import MOST_RUNS, children
from core.testing import drain, events, runs

HANDLERS = """
    from core import *
    from core import emit, emit_many, enqueue

    class Placed(Event, type="order.placed"):
        order: int

    class Mirrored(Event, type="release.mirrored"):
        order: int

    @task(name="tidy")
    def tidy(shelf: str) -> None: ...

    @on(Placed, name="mirror")
    async def mirror(event: Placed) -> None:
        await emit_async(Mirrored(order=event.order), id=f"m{event.order}")
        await enqueue_async(tidy, shelf="c")

    @on(Placed, name="many")
    def many(event: Placed) -> None:
        emit_many([Mirrored(order=100 + n) for n in range(event.order)])

    @on(Mirrored, name="index")
    def index(event: Mirrored) -> None: ...

    @on(Mirrored, name="purge")
    def purge(event: Mirrored) -> None: ...
"""
BEARER = {"Authorization": "Bearer test-token"}


def place(app, order=3):
    body = {"type": "order.placed", "data": {"order": order}}
    app.test_client().post("/api/v1/events", json=body, headers=BEARER)
    drain(app)
    return {run["task"]: run["id"] for run in runs(app, event="order.placed")}


def children_of(app, run, limit=20):
    here = house(app)
    return here.ledger.run(children(here.keys, run, limit))


def test_events_and_calls_of_a_handler_are_its_children(app):
    run = place(app)
    found, count = children_of(app, run["mirror"])
    assert [(child["kind"], child["type"]) for child in found] == [("event", "release.mirrored"), ("call", "tidy")]
    assert [[(one["task"], one["state"]) for one in child["runs"]] for child in found] == [
        [("index", "succeeded"), ("purge", "succeeded")],
        [("tidy", "succeeded")],
    ]
    assert count == 2
    found, count = children_of(app, run["many"], 2)
    assert (len(found), count) == (2, 3)
    assert children_of(app, found[0]["runs"][0]["id"]) == ([], 0)


def test_what_comes_from_outside_or_is_replayed_has_no_parent(app):
    run = place(app)["mirror"]
    parents = {event["type"]: event["parent"] for event in events(app) if event["attributes"]["id"] == "m3"}
    assert parents == {"release.mirrored": run}
    assert [event["parent"] for event in events(app, type="order.placed")] == [None]
    mirrored = children_of(app, run)[0][0]["id"]
    answer = app.test_client().post(f"/api/v1/events/{mirrored}/replay", headers=BEARER)
    assert answer.status_code == 202
    assert children_of(app, run)[1] == 2


def test_what_is_forgotten_is_nobodys_child_and_leaves_nothing(app):
    run, here = place(app)["mirror"], house(app)
    for kind in ("event", "call"):
        old = here.ledger.run(oldest(here.keys, kind, 0, 100))
        here.ledger.run(forget(here.keys, kind, old, 2**53, 2**53))
    assert children_of(app, run) == ([], 0)
    assert not here.ledger.client.exists(here.keys.children(run))


def test_of_many_runs_some_are_shown(app):
    here = house(app)
    from core.ledger.acceptance import Request, accept

    told = Cause(kind="event", id="x", type="t", source="/s", time="2026-11-22T12:00:00Z", parent="p.0")
    requests = [Request(task="index", queue="q")] * (MOST_RUNS + 3)
    here.ledger.run(accept(here.keys, here.bus.keyring, told, requests))
    [child], _ = children_of(app, "p.0")
    assert (len(child["runs"]), child["more"]) == (MOST_RUNS, 3)
