"""core.testing: a user's test emits, looks, drains."""

from datetime import UTC, datetime, timedelta

import pytest

from core.testing import API_TOKEN, drain, events, fire_due, runs

HANDLERS = """
    from core import Event, on, emit, every

    class Placed(Event, type="order.placed"):
        order_id: int

    class Packed(Event, type="order.packed"):
        order_id: int

    @on(Placed)
    def pack(event: Placed) -> None:
        emit(Packed(order_id=event.order_id))

    @on("order.*")
    async def archive(event: Event) -> dict:
        return {"type": event.type, **event.data}

    @every(minutes=5)
    def tidy() -> str:
        return "tidy"
"""


def test_emit_look_drain(make_app):
    app = make_app(HANDLERS)
    answer = app.test_client().post(
        "/api/v1/events",
        json={"type": "order.placed", "data": {"order_id": 7}},
        headers={"Authorization": f"Bearer {API_TOKEN}"},
    )
    assert answer.status_code == 202
    assert [run["state"] for run in runs(app)] == ["pending", "pending"]
    done = drain(app)
    assert [run["state"] for run in done] == ["succeeded"] * 3
    assert [event["type"] for event in events(app)] == ["order.packed", "order.placed"]
    assert {"type": "order.packed", "order_id": 7} in [run["result"] for run in done]


def test_drain_stops_circles(make_app):
    app = make_app("""
        from core import Event, on, emit_async

        class Round(Event, type="round"):
            pass

        @on(Round)
        async def again(event: Round) -> None:
            await emit_async(Round())
    """)
    client = app.test_client()
    client.post("/api/v1/events", json={"type": "round", "data": {}}, headers={"Authorization": f"Bearer {API_TOKEN}"})
    with pytest.raises(AssertionError, match="circles"):
        drain(app, limit=20)


def test_fire_due(make_app):
    app = make_app(HANDLERS)
    begin = datetime(2026, 11, 22, 12, 1, tzinfo=UTC)
    fire_due(app, begin)
    assert runs(app) == []
    fire_due(app, begin + timedelta(minutes=4))
    [run] = drain(app)
    assert (run["result"], run["fire"]["planned"]) == ("tidy", "2026-11-22T12:05:00Z")
