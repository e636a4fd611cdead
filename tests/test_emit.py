"""emit, enqueue and their async forms; the listeners of their signals."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from core import Event, emit, emit_async, enqueue, enqueue_async, moments
from core.errors import EmitError, IdempotencyMismatch, InvalidEvent, UnknownEvent
from core.house import house
from core.queue import depth
from core.testing import application, drain, events, runs

HANDLERS = """
    from typing import Any
    from core import *

    class Placed(Event, type="order.placed"):
        order_id: int
        note: Any = None

    class Price(Event, type="price"):
        value: float

    @on(Placed, "order.*", "*")
    async def both(event: Event) -> int:
        return event.data["order_id"]

    @on("github.*")
    def archive(event: Event) -> None: ...

    @task(queue="mail", priority=9)
    def send(to: str, copies: int = 1, *, function: Any = None) -> list: return [to, copies]

    @task()
    async def anything(**named: int) -> dict: return named

    def plain(): ...
"""


FAR = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def user(app):
    """The module of the user's handlers."""
    name = next(iter(house(app).catalog.tasks)).rpartition(".")[0]
    return sys.modules[name]


class TestWays:
    def test_from_a_thread(self, app, user):
        with app.app_context():
            receipt = emit(user.Placed(order_id=7))
        [event] = events(app)
        assert (receipt.id, receipt.type, receipt.duplicate) == (event["id"], "order.placed", False)
        assert receipt.runs == [(run["id"], run["task"]) for run in runs(app)]
        assert receipt.durability == "everysec"
        assert (event["data"], event["source"]) == ({"order_id": 7, "note": None}, "/api")

    def test_a_handler_matched_three_times_gets_one_run(self, app, user):
        with app.app_context():
            emit(user.Placed(order_id=7))
        [done] = drain(app)
        assert (done["task"].rpartition(".")[2], done["result"]) == ("both", 7)

    def test_from_an_async_view(self, app, user):
        @app.get("/buy")
        async def buy():
            return {"runs": len((await emit_async(user.Placed(order_id=8))).runs)}

        assert app.test_client().get("/buy").get_json() == {"runs": 1}

    def test_from_a_loop_of_the_callers_own(self, app, user):
        async def several():
            return await asyncio.gather(*(emit_async(user.Placed(order_id=n)) for n in range(50)))

        with app.app_context():
            receipts = asyncio.run(several())
            receipts += asyncio.run(several())
        assert len({receipt.id for receipt in receipts}) == 100 == len(runs(app))

    @pytest.mark.parametrize("way", ["emit", "enqueue"])
    def test_sync_calls_name_their_async_form_where_a_loop_runs(self, app, user, way):
        async def wrong():
            emit(user.Placed(order_id=1)) if way == "emit" else enqueue(user.send, to="x")

        with app.app_context(), pytest.raises(EmitError, match=rf"await {way}_async\("):
            asyncio.run(wrong())
        with app.app_context(), pytest.raises(EmitError, match=rf"await {way}_async\("):
            house(app).loop.run(wrong())
        assert runs(app) == []

    def test_outside_an_application_it_says_what_to_do(self, app, user):
        for call in (lambda: emit(user.Placed(order_id=1)), lambda: enqueue(user.send, to="x")):
            with pytest.raises(EmitError, match=r"with create_app\(\).app_context\(\)"):
                call()
        with pytest.raises(EmitError, match=r"create_app\(\)"):
            asyncio.run(emit_async(user.Placed(order_id=1)))
        with Flask("stranger").app_context(), pytest.raises(EmitError, match=r"create_app\(\)"):
            emit(user.Placed(order_id=1))


class TestWhatIsRecorded:
    def test_one_id_is_recorded_once(self, app, user):
        with app.app_context():
            first = emit(user.Placed(order_id=7), id="a", source="/shop", subject="s")
            again = emit(user.Placed(order_id=7), id="a", source="/shop", subject="s")
            other = emit(user.Placed(order_id=7), id="a", source="/elsewhere")
            with pytest.raises(IdempotencyMismatch):
                emit(user.Placed(order_id=8), id="a", source="/shop", subject="s")
        assert (again.id, again.runs, again.duplicate) == (first.id, first.runs, True)
        assert other.id != first.id
        assert len(runs(app)) == 2

    def test_delay_and_at(self, app, user):
        soon = datetime.now(UTC) + timedelta(hours=1)
        with app.app_context():
            emit(user.Placed(order_id=1), delay=3600)
            emit(user.Placed(order_id=2), delay=timedelta(hours=1))
            emit(user.Placed(order_id=3), at=soon)
        found = runs(app)
        assert [run["state"] for run in found] == ["scheduled"] * 3
        for run in found:
            assert abs(datetime.fromisoformat(run["due"]) - soon) < timedelta(seconds=5)

    def test_a_moment_gone_by_means_now_and_its_hint_goes_out(self, app, user):
        with app.app_context():
            for at in (datetime(1969, 1, 1, tzinfo=UTC), datetime.now(UTC)):
                emit(user.Placed(order_id=1), at=at)
        assert depth(app, house(app).config, "default") == 2
        assert [run["state"] for run in runs(app)] == ["pending"] * 2

    @pytest.mark.parametrize(
        "waiting",
        [
            *({"delay": delay} for delay in (-1, float("nan"), 367 * 86400, timedelta(days=-1))),
            *({"at": FAR.replace(tzinfo=zone)} for zone in (UTC, None)),
            {"delay": 1, "at": FAR.replace(year=2026)},
        ],
    )
    def test_waits_that_are_none(self, app, user, waiting):
        with app.app_context(), pytest.raises(InvalidEvent):
            emit(user.Placed(order_id=1), **waiting)
        assert events(app) == []

    def test_types_that_nobody_knows(self, app, make_app):
        lonely = make_app("from core import *\nclass A(Event, type='order.placed'): ...")
        with lonely.app_context(), pytest.raises(UnknownEvent, match=r"Did you mean order\.placed\?"):
            emit(Event(type="order.plced"))
        with app.app_context():
            assert emit(Event(type="github.push", data={"order_id": 1})).runs
            with pytest.raises(InvalidEvent, match="/data/order_id"):
                emit(Event(type="order.placed"))
        assert [event["type"] for event in events(app)] == ["github.push"]

    @pytest.mark.parametrize("value", [float("nan"), object(), b"\xff", "\ud800", {"a": ["\udfff"]}])
    def test_what_has_no_json_form_is_refused(self, app, user, value):
        with app.app_context():
            with pytest.raises(InvalidEvent, match="cannot be recorded"):
                emit(user.Placed(order_id=1, note=value))
            with pytest.raises(InvalidEvent, match="cannot be recorded"):
                enqueue(user.send, to="x", function=value)
            with pytest.raises(InvalidEvent, match="cannot be recorded"):
                emit(user.Price(value=float("nan")))
        assert runs(app) == []

    @pytest.mark.parametrize(
        "envelope",
        [
            *({"id": found} for found in ("", "a b", 5, "x" * 129)),
            *({"source": found} for found in ("", "a b", None, "x" * 257)),
            *({"subject": found} for found in ("", "x" * 257, "a\nb", "\ud800", 5)),
        ],
    )
    def test_envelopes_that_could_not_be_read_back(self, app, user, envelope):
        with app.app_context(), pytest.raises(InvalidEvent) as caught:
            emit(user.Placed(order_id=1), **envelope)
        assert caught.value.errors[0]["pointer"] == f"/{next(iter(envelope))}"
        with app.app_context(), pytest.raises(InvalidEvent):
            emit(Event(type="odd type", data={"order_id": 1}))
        assert events(app) == []

    def test_the_longest_envelope_is_read_back(self, app, user):
        envelope = {"id": "x" * 128, "source": "\U0001f600" * 256, "subject": "\U0001f600" * 256}
        with app.app_context():
            emit(user.Placed(order_id=1), **envelope)
        [event] = events(app)
        assert event["attributes"].items() >= envelope.items()
        assert [run["state"] for run in drain(app)] == ["succeeded"]

    def test_what_is_no_event(self, app):
        for thing in (None, "order.placed", {"type": "order.placed"}, Event):
            with app.app_context(), pytest.raises(InvalidEvent, match=r"emit\(OrderPlaced\(\.\.\.\)\)"):
                emit(thing)


class TestEnqueue:
    def test_one_durable_call(self, app, user):
        async def later():
            return await enqueue_async(user.anything, b=2)

        with app.app_context():
            enqueue(user.send, to="x", copies="2", function="f")
            asyncio.run(later())
            enqueue(user.send, to="x", delay=60)
        assert {run["queue"] for run in runs(app)} == {"mail", "default"}
        assert sorted(str(run["result"]) for run in drain(app)) == ["['x', 2]", "{'b': 2}"]

    @pytest.mark.parametrize("arguments", [{}, {"to": "x", "copies": "many"}, {"to": "x", "cc": "y"}])
    def test_wrong_arguments(self, app, user, arguments):
        with app.app_context(), pytest.raises(InvalidEvent, match=r"send cannot be called so: (to|copies|cc)"):
            enqueue(user.send, **arguments)

    def test_functions_that_are_no_task(self, app, user):
        for function in (user.plain, user.both, print, "send"):
            with app.app_context(), pytest.raises(EmitError, match=r"is not a task .* Mark it with @task\(\)"):
                enqueue(function)
        assert runs(app) == []


class TestListeners:
    def test_those_that_raise_are_alone_with_it(self, app, user, caplog):
        def broken(sender, **_):
            raise RuntimeError("sync")

        async def broken_later(sender, **_):
            raise RuntimeError("async")

        heard, failed = [], []
        listen = user.Placed.signal.connected_to
        with (
            listen(broken, app),
            listen(broken_later, app),
            Event.signal.connected_to(lambda sender, event, **_: heard.append(event), app),
            listen(lambda sender, event, **_: heard.append(event), app),
            moments.listener_failed.connected_to(lambda sender, error, **_: failed.append(str(error)), app),
            app.app_context(),
        ):
            event = user.Placed(order_id=7)
            assert len(emit(event).runs) == 1
            house(app).loop.run(asyncio.sleep(0))
        assert heard == [event, event]
        assert sorted(failed) == ["async", "sync"]
        assert sum("a listener raised" in line for line in caplog.messages) == 2

    def test_a_muted_signal_gathers_nothing(self, app, user):
        with app.app_context(), Event.signal.muted(), user.Placed.signal.muted():
            assert emit(user.Placed(order_id=7)).runs == []
        with app.app_context(), user.Placed.signal.muted():
            assert len(emit(user.Placed(order_id=8)).runs) == 1

    def test_two_applications_do_not_hear_each_other(self, server_url, user, app):
        name = user.__name__.partition(".")[0]
        heard = []
        with application(server_url, packages=(name,), prefix="two") as two:
            Event.signal.connect(lambda sender, **_: heard.append(sender), sender=two, weak=False)
            with app.app_context():
                assert len(emit(user.Placed(order_id=1)).runs) == 1
            assert (heard, events(two)) == ([], [])
            with two.app_context():
                emit(user.Placed(order_id=2))
            assert (heard, len(events(app)), len(events(two))) == ([two], 1, 1)

    def test_accepted_follows_the_ledger(self, app, user):
        found = []

        def accepted(sender, cause, receipt):
            found.append((cause.data["order_id"], receipt.duplicate, len(events(app))))

        with moments.accepted.connected_to(accepted, app), app.app_context():
            emit(user.Placed(order_id=1), id="a")
            emit(user.Placed(order_id=1), id="a")
            with pytest.raises(IdempotencyMismatch):
                emit(user.Placed(order_id=2), id="a")
        assert found == [(1, False, 1), (1, True, 1)]
