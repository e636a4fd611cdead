"""Replaying an event over HTTP: whom it reaches, with which data, and what is refused."""

import pytest
from api import Api

from core.house import house
from core.testing import drain, events, runs

HANDLERS = """
    from core import *

    class Placed(Event, type="order.placed"):
        order_id: int
        price: float = 0

    @on(Placed, name="send", aliases=["post"], queue="mail", retries=0)
    def send(event: Placed) -> int:
        if event.order_id < 0:
            raise RuntimeError("no stock")
        return event.order_id

    @on("order.*", name="archive")
    def archive(event: Event) -> dict: return event.data

    @on("note.*", name="note")
    def note(event: Event) -> None: ...
"""


@pytest.fixture
def order(app, api):
    """The id of an event one of whose two runs is dead."""
    given = {"id": "o-1", "source": "/shop", "subject": "order 1", "time": "2026-11-22T09:00:00Z"}
    ident = api.send("/events", {"type": "order.placed", "data": {"order_id": -1}, **given})["id"]
    drain(app)
    return ident


def tasks(receipt):
    return sorted(run["task"] for run in receipt["runs"])


class TestWhom:
    def test_all(self, app, api, order):
        said = api.send(f"/events/{order}/replay")
        assert set(said) == {"id", "type", "runs", "duplicate", "durability", "replay_of"}
        assert (said["replay_of"], said["type"], said["duplicate"]) == (order, "order.placed", False)
        assert said["id"] != order
        assert tasks(said) == ["archive", "send"]
        assert {run["id"] for run in drain(app)} == {run["id"] for run in said["runs"]}
        old, new = (api.get(f"/events/{ident}") for ident in (order, said["id"]))
        same = ("type", "source", "subject", "time", "data")
        assert [old[name] for name in same] == [new[name] for name in same]
        assert (old["replay_of"], new["replay_of"]) == (None, order)
        assert {run["replay_of"] for run in new["runs"]} == {order}
        assert {run["replay_of"] for run in old["runs"]} == {None}

    def test_only_what_failed(self, app, api, order):
        assert tasks(api.send(f"/events/{order}/replay", {"only": "failed"})) == ["send"]

    def test_tasks(self, api, order):
        assert tasks(api.send(f"/events/{order}/replay", {"tasks": ["archive"]})) == ["archive"]
        assert tasks(api.send(f"/events/{order}/replay", {"tasks": ["post", "send"]})) == ["send"]
        assert tasks(api.send(f"/events/{order}/replay", {"tasks": ["archive", "send"], "only": "failed"})) == ["send"]

    def test_a_handler_that_subscribed_since(self, app, api, make_app, order):
        later = make_app(
            HANDLERS + '\n    @on("order.placed", name="late")\n    def late(event): ...\n',
            prefix=house(app).keys.prefix,
        )
        api = Api(later)
        assert tasks(api.send(f"/events/{order}/replay")) == ["archive", "send"]
        assert tasks(api.send(f"/events/{order}/replay", {"tasks": ["late"]})) == ["late"]

    def test_a_handler_that_is_gone_is_named(self, app, make_app, order):
        later = Api(make_app(HANDLERS.replace('"archive"', '"keep"'), prefix=house(app).keys.prefix))
        problem = later.refused(422, "unknown-target", f"/events/{order}/replay")
        assert "'archive' is no task that answers order.placed. Did you mean" in problem["detail"]
        assert tasks(later.send(f"/events/{order}/replay", {"only": "failed"})) == ["send"]

    @pytest.mark.parametrize(("name", "near"), [("sned", "Did you mean send?"), ("note", "Did you mean"), ("é", "Did")])
    def test_tasks_that_do_not_answer(self, app, api, order, name, near):
        problem = api.refused(422, "unknown-target", f"/events/{order}/replay", {"tasks": ["send", name]})
        [error] = problem["errors"]
        assert error["pointer"] == "/tasks/1"
        assert near in error["detail"]
        assert len(events(app)) == 1

    def test_runs_of_other_queues_and_priorities_are_as_declared(self, app, api, order):
        found = {run["id"] for run in api.send(f"/events/{order}/replay")["runs"]}
        assert sorted(run["queue"] for run in runs(app) if run["id"] in found) == ["default", "mail"]


class TestData:
    def test_edited(self, app, api, order):
        said = api.send(f"/events/{order}/replay", {"only": "failed", "data": {"order_id": 7}})
        assert [run["result"] for run in drain(app)] == [7]
        assert api.get(f"/events/{said['id']}")["data"] == {"order_id": 7, "price": 0}
        assert api.get(f"/events/{order}")["data"]["order_id"] == -1

    @pytest.mark.parametrize(
        ("data", "pointers"),
        [
            ({"order_id": "x", "odd": 1}, {"/data/order_id", "/data/odd"}),
            ({"order_id": 1, "price": "NaN"}, {"/data"}),
            (None, {"/data"}),
            ([], {"/data"}),
        ],
    )
    def test_that_do_not_fit(self, app, api, order, data, pointers):
        assert api.pointers("invalid-event", f"/events/{order}/replay", {"data": data}) == pointers
        assert len(events(app)) == 1


class TestRefused:
    def test_nothing_failed(self, app, api):
        ident = api.send("/events", {"type": "order.placed", "data": {"order_id": 1}})["id"]
        drain(app)
        problem = api.refused(409, "state-conflict", f"/events/{ident}/replay", {"only": "failed"})
        assert (problem["state"], "nothing failed" in problem["detail"]) == ("succeeded", True)

    def test_unknown(self, api):
        for ident in ("x", "%00", "é", "x" * 3000):
            api.refused(404, "not-found", f"/events/{ident}/replay")

    def test_the_record_is_gone(self, app, api, order):
        here = house(app)
        here.ledger.client.delete(here.keys.record(order))
        api.refused(410, "payload-expired", f"/events/{order}/replay")
        here.ledger.client.delete(here.keys.mark(order))
        api.refused(404, "not-found", f"/events/{order}/replay")

    def test_tampered(self, app, api, order):
        here = house(app)
        record = here.ledger.client.get(here.keys.record(order))
        here.ledger.client.set(here.keys.record(order), record.replace(b'"order_id":-1', b'"order_id":-2'))
        problem = api.refused(409, "state-conflict", f"/events/{order}/replay")
        assert problem["state"] == "tampered"
        assert len(events(app)) == 1

    def test_sealed_with_a_key_that_is_gone(self, app, make_app, order):
        other = Api(make_app(HANDLERS, prefix=house(app).keys.prefix, keys=("another",)))
        assert other.refused(409, "state-conflict", f"/events/{order}/replay")["state"] == "unknown-key"

    def test_a_fire_is_no_event(self, app, api, make_app):
        source = "from core import enqueue, task\n@task(name='tidy')\ndef tidy() -> None: ..."
        other = make_app(source)
        with other.app_context():
            ident = __import__("core").enqueue(house(other).catalog.tasks["tidy"].function).id
        problem = Api(other).refused(404, "not-found", f"/events/{ident}/replay")
        assert "the id of a call" in problem["detail"]

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({"only": "dead"}, {"/only"}),
            ({"only": ["all"]}, {"/only"}),
            ({"tasks": []}, {"/tasks"}),
            ({"tasks": "send"}, {"/tasks"}),
            ({"tasks": [5]}, {"/tasks"}),
            ({"tasks": None}, {"/tasks"}),
            ({"tasks": ["send"] * 101}, {"/tasks"}),
            ({"all": True, "id": "x"}, {"/all", "/id"}),
            ([], {""}),
        ],
    )
    def test_bodies_that_do_not_fit(self, app, api, order, body, pointers):
        assert api.pointers("invalid-request", f"/events/{order}/replay", body) == pointers
        assert len(events(app)) == 1

    def test_bodies_that_cannot_be_read(self, api, order):
        path = f"/events/{order}/replay"
        api.refused(415, "unsupported-media-type", path, b"{}", "text/plain")
        api.refused(400, "malformed-json", path, b'{"data": NaN}')
        api.refused(400, "json-too-complex", path, b"[" * 99)
        api.refused(413, "content-too-large", path, b" " * (256 * 1024 + 1))


class TestKeys:
    def test_a_key_counts_once(self, app, api, order):
        path = f"/events/{order}/replay"
        first = api.send(path, {"only": "failed"}, Idempotency_Key="k")
        again = api.send(path, {"only": "failed"}, Idempotency_Key="k")
        assert api.headers["Idempotency-Replayed"] == "true"
        assert again == first | {"duplicate": True}
        assert len(events(app)) == 2
        assert api.send(path, {"only": "failed"})["id"] != first["id"]
        assert api.send(path, {"only": "failed"}, Idempotency_Key="k2")["id"] != first["id"]

    @pytest.mark.parametrize("body", [{"data": {"order_id": 5}, "only": "failed"}, {"tasks": ["send"]}, {}])
    def test_another_body_under_the_same_key(self, app, api, order, body):
        path = f"/events/{order}/replay"
        api.send(path, {"only": "failed"}, Idempotency_Key="k")
        api.refused(422, "idempotency-mismatch", path, body, Idempotency_Key="k")
        assert len(events(app)) == 2

    def test_keys_that_are_none(self, api, order):
        api.refused(400, "idempotency-key-invalid", f"/events/{order}/replay", Idempotency_Key="")
