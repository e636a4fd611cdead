"""What a type checker must accept and refuse of the front door; mypy reads it, nothing runs it."""

from collections.abc import Callable
from typing import Any, assert_type

from core import Event, cron, emit, emit_async, emit_many, emit_many_async, enqueue, every, on, run, task
from core.bus import Receipt


class Placed(Event, type="order.placed"):
    order_id: int
    email: str


@on(Placed, retries=3, queue="mail", timeout=30)
async def receipt(event: Placed) -> dict[str, Any]:
    assert_type(event.order_id, int)
    assert_type(event.type, str)
    assert_type(event.data, dict[str, Any])
    run.progress(1, 2)
    return {}


@on("github.*")
def archive(event: Event) -> None:
    assert_type(event.data, dict[str, Any])


@cron("0 7 * * mon-fri", timezone="Europe/Berlin", overlap="skip", catch_up="latest")
async def report() -> None: ...


@every(minutes=5, jitter=10)
def tidy() -> int:
    return 1


@task(retries=1)
def resize(image_id: int) -> None: ...


def uses() -> None:
    assert_type(emit(Placed(order_id=1, email="a@example.org"), id="x", delay=5), Receipt)
    assert_type(emit_many([Placed(order_id=1, email="a@example.org")], ids=["x"], delay=5), list[Receipt])
    assert_type(enqueue(resize, image_id=7), Receipt)
    assert_type(tidy, Callable[[], int])  # a marker gives the function back as it was
    emit("order.placed")  # type: ignore[arg-type]
    emit_many(["order.placed"])  # type: ignore[list-item]
    Placed(order_id=1)  # type: ignore[call-arg]
    Placed(order_id="one", email="a@example.org")  # type: ignore[arg-type]
    on(Placed, retris=3)  # type: ignore[call-arg]
    every(minutes="5")  # type: ignore[arg-type]
    cron("0 7 * * *", overlap="sometimes")  # type: ignore[arg-type]


async def uses_async() -> None:
    assert_type(await emit_async(Placed(order_id=1, email="a@example.org")), Receipt)
    assert_type(await emit_many_async([Placed(order_id=1, email="a@example.org")]), list[Receipt])
