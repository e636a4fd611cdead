"""emit_many: many events at once, each recorded as by emit; and what a caller sees where it fails half-way."""

import asyncio
import sys
import threading

import pytest
from test_emit import HANDLERS
from waiting import wait_until

from core import EmitInterrupted, Event, emit, emit_many, emit_many_async, moments
from core.clock import monotonic
from core.errors import BacklogFull, EmitError, EmitUnavailable, IdempotencyMismatch, InvalidEvent
from core.house import house
from core.queue import depth
from core.testing import application, drain, events, runs, server


@pytest.fixture
def user(app):
    name = next(iter(house(app).catalog.tasks)).rpartition(".")[0]
    return sys.modules[name]


def way(name):
    """Return emit_many, or its async form called from a loop of the caller's own."""
    return emit_many if name == "sync" else lambda *args, **options: asyncio.run(emit_many_async(*args, **options))


WAYS = pytest.mark.parametrize("many", [way("sync"), way("async")], ids=["sync", "async"])


@WAYS
def test_each_is_recorded_as_by_emit_and_receipts_come_in_order(app, user, many):
    with app.app_context():
        receipts = many((user.Placed(order_id=n) for n in range(250)), source="/shop", subject="s")
        one = emit(user.Placed(order_id=250), source="/shop", subject="s")
    assert [type(receipt) for receipt in receipts] == [type(one)] * 250
    found = {event["id"]: event for event in events(app)}
    assert [found[receipt.id]["data"]["order_id"] for receipt in receipts] == list(range(250))
    assert {(event["source"], event["subject"]) for event in found.values()} == {("/shop", "s")}
    assert {receipt.durability for receipt in receipts} == {one.durability}
    assert depth(app, house(app).config, "default") == 251
    assert [run["result"] for run in drain(app)] == list(range(251))


@WAYS
def test_nothing_is_no_error(app, many):
    with app.app_context():
        assert many([]) == []


def test_they_may_wait(app, user):
    with app.app_context():
        emit_many([user.Placed(order_id=1)] * 2, delay=60)
    assert [run["state"] for run in runs(app)] == ["scheduled"] * 2
    assert depth(app, house(app).config, "default") == 0


def test_on_a_thread_whose_loop_runs_it_names_its_async_form(app, user):
    async def wrong():
        emit_many([user.Placed(order_id=1)])

    with app.app_context(), pytest.raises(EmitError, match=r"await emit_many_async\("):
        asyncio.run(wrong())


@WAYS
def test_all_are_checked_before_the_first_is_recorded(app, user, many):
    heard = []
    with app.app_context(), Event.signal.connected_to(lambda *_, **__: heard.append(1), sender=app):
        for odd in (Event(type="order.placed", data={"order_id": "x"}), "no event"):
            with pytest.raises(InvalidEvent) as caught:
                many([user.Placed(order_id=1), odd])
            assert "event 1 of 2" in caught.value.__notes__[0]
    assert heard == []
    assert events(app) == []


@pytest.fixture(autouse=True)
def short_pipelines(monkeypatch):
    monkeypatch.setattr("core.bulk.AT_ONCE", 100)


@WAYS
def test_ids_make_it_safe_to_say_again(app, user, many):
    all_of_it, ids = [user.Placed(order_id=n) for n in range(3)], ["a", "b", "c"]
    with app.app_context():
        first = many(all_of_it, ids=ids)
        again = many(all_of_it, ids=ids)
        with pytest.raises(InvalidEvent, match="3 events and 2 ids"):
            many(all_of_it, ids=ids[:2])
        with pytest.raises(InvalidEvent):
            many(all_of_it, ids=["a", "b", "not an id"])
    assert [receipt.duplicate for receipt in first + again] == [False] * 3 + [True] * 3
    assert [receipt.id for receipt in first] == [receipt.id for receipt in again]
    assert len(runs(app)) == 3


@WAYS
def test_one_that_is_refused_stops_what_comes_later(app, user, many):
    with app.app_context():
        emit(user.Placed(order_id=-1), id="150")
        with pytest.raises(EmitInterrupted, match="199 of 250") as caught:
            many([user.Placed(order_id=n) for n in range(250)], ids=[str(n) for n in range(250)])
    error = caught.value
    assert isinstance(error.__cause__, IdempotencyMismatch)
    assert [receipt is None for receipt in error.receipts] == [n == 150 or n >= 200 for n in range(250)]
    assert len(events(app)) == 200


def test_a_full_backlog_half_way(make_app):
    app = make_app(HANDLERS, backlog_limit=3)
    with app.app_context():
        with pytest.raises(EmitInterrupted) as caught:
            emit_many([Event(type="order.placed", data={"order_id": n}) for n in range(5)])
        error = caught.value
        assert isinstance(error.__cause__, BacklogFull)
        assert [receipt is None for receipt in error.receipts] == [False] * 3 + [True] * 2
        drain(app)
        again = emit_many([Event(type="order.placed", data={"order_id": n}) for n in range(5)], ids=error.ids)
    assert [receipt.duplicate for receipt in again] == [True] * 3 + [False] * 2


def test_the_disk_is_waited_for_once_and_what_it_has_not_is_not_acknowledged(package):
    with (
        server() as url,
        application(url, packages=(package(subject=HANDLERS),), durability="fsync") as app,
        app.app_context(),
    ):
        client, made = house(app).ledger.client, [Event(type="order.placed", data={"order_id": n}) for n in range(50)]
        emit(made[0])
        client.config_resetstat()
        assert {receipt.durability for receipt in emit_many(made)} == {"fsync"}
        assert client.info("commandstats")["cmdstat_waitaof"]["calls"] == 1
        client.config_set("appendonly", "no")
        with pytest.raises(EmitInterrupted) as caught:
            emit_many(made)
        assert isinstance(caught.value.__cause__, EmitUnavailable)
        assert caught.value.receipts == [None] * 50
        client.config_set("appendonly", "yes")
        wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, what="the AOF is there again")
        assert {receipt.duplicate for receipt in emit_many(made, ids=caught.value.ids)} == {True}


def test_a_server_that_goes_half_way(package):
    """What is known to be recorded is told; the rest said again, nothing is doubled."""
    with server() as url, application(url, packages=(package(subject=HANDLERS),)) as app, app.app_context():
        here, made = house(app), [Event(type="order.placed", data={"order_id": n}) for n in range(300)]
        emit(made[0])
        client, gone = here.ledger.client, threading.Event()
        stop = threading.Thread(target=lambda: (gone.wait(), client.client_pause(1500, all=True)))
        stop.start()
        heard = []

        def hear(_, receipt, **__):
            heard.append(receipt)
            if len(heard) == 100:
                gone.set()
                stop.join()

        with moments.accepted.connected_to(hear, sender=app), pytest.raises(EmitInterrupted) as caught:
            emit_many(made)
        error, begun = caught.value, monotonic()
        assert isinstance(error.__cause__, EmitUnavailable)
        assert [receipt.id for receipt in error.receipts[:100]] == [receipt.id for receipt in heard]
        assert error.receipts[100:] == [None] * 200
        while True:
            try:
                receipts = emit_many(made, ids=error.ids)
                break
            except EmitInterrupted:
                assert monotonic() - begun < 10
        assert all(receipt.duplicate for receipt in receipts[:100])
        assert len(runs(app)) == 301
