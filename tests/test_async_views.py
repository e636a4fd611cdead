"""Async views: one persistent event loop per process, with the right contexts inside."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, current_app, g, request

from core.errors import CoreError
from core.house import house
from core.loop import Loop
from core.testing import drain, runs

USERS_OWN = """
    import redis.asyncio
    from flask import Blueprint, current_app
    from core import *

    shop = Blueprint("shop", __name__)
    clients = {}

    class OrderPlaced(Event, type="order.placed"):
        order_id: int

    @on(OrderPlaced)
    async def send_receipt(event: OrderPlaced) -> int: return event.order_id

    @shop.post("/orders/<int:order_id>")
    async def buy(order_id: int):
        receipt = await emit_async(OrderPlaced(order_id=order_id))
        return {"run": receipt.runs[0][0]}, 201

    @shop.get("/count")
    async def count():
        url = current_app.config["REDIS_URL"]
        client = clients.setdefault(url, redis.asyncio.Redis.from_url(url, max_connections=4))
        return str(await client.incr(f"count:{current_app.extensions['carillon'].config.prefix}"))

    @shop.get("/close")
    async def close():
        for client in clients.values():
            await client.aclose()
        return ""
"""


@pytest.fixture
def app(make_app):
    return make_app(USERS_OWN)


def from_threads(app: Flask, urls: list[str], threads: int = 8) -> list:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda url: app.test_client().get(url), urls))


def test_all_run_on_one_loop_on_a_thread_of_its_own(app):
    @app.get("/where")
    async def where():
        return {"loop": id(asyncio.get_running_loop()), "thread": threading.get_ident()}

    found = {str(answer.get_json()) for answer in from_threads(app, ["/where"] * 40)}
    assert len(found) == 1
    assert str(threading.get_ident()) not in found.pop()


def test_they_wait_for_each_other_there(app):
    meeting = asyncio.Barrier(2)

    @app.get("/meet")
    async def meet():
        async with asyncio.timeout(5):
            return str(await meeting.wait())

    assert {answer.text for answer in from_threads(app, ["/meet", "/meet"], 2)} == {"0", "1"}


def test_a_shared_client_works_over_many_requests_from_many_threads(app):
    found = from_threads(app, ["/count"] * 200, 4)
    assert sorted(int(answer.text) for answer in found) == list(range(1, 201))
    assert app.test_client().get("/close").status_code == 200


def test_contexts_are_those_of_the_request(app):
    @app.before_request
    def remember():
        g.asked = request.args.get("n")

    @app.get("/context")
    async def context():
        before = (g.asked, request.args["n"], current_app.name)
        await asyncio.sleep(0.001)
        async with asyncio.TaskGroup() as group:
            inside = group.create_task(asyncio.to_thread(lambda: (g.asked, request.args["n"], current_app.name)))
        assert before == inside.result() == (g.asked, request.args["n"], current_app.name)
        g.seen = g.asked
        return g.asked

    @app.after_request
    def give_back(response):
        response.headers["Seen"] = g.get("seen", "")
        return response

    found = from_threads(app, [f"/context?n={n}" for n in range(100)])
    assert [(answer.text, answer.headers["Seen"]) for answer in found] == [(str(n), str(n)) for n in range(100)]


def test_exceptions_come_through(app):
    class Mine(Exception):
        pass

    @app.get("/broken")
    async def broken():
        await asyncio.sleep(0)
        raise Mine("with words")

    @app.errorhandler(Mine)
    async def mine(error):
        return f"handled: {error}", 418

    answer = app.test_client().get("/broken")
    assert (answer.status_code, answer.text) == (418, "handled: with words")


def test_an_async_view_of_the_users_own_emits(app):
    answer = app.test_client().post("/orders/7")
    assert answer.status_code == 201
    assert [run["id"] for run in runs(app)] == [answer.get_json()["run"]]
    assert [run["result"] for run in drain(app)] == [7]


class TestLoop:
    def test_the_loops_own_thread_cannot_wait_for_itself(self, app):
        loop = house(app).loop

        async def nothing() -> None:
            raise AssertionError

        async def wrong() -> None:
            loop.run(nothing())

        with pytest.raises(CoreError, match="Use await"):
            loop.run(wrong())

    def test_it_carries_from_any_loop(self, app):
        loop = house(app).loop

        async def here() -> bool:
            return loop.here()

        assert asyncio.run(loop.carry(here()))
        assert loop.run(loop.carry(here()))
        assert not loop.here()

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_forked_child_gets_its_own(self):
        loop = Loop()

        async def answer() -> int:
            return 7

        assert loop.run(answer()) == 7
        child = os.fork()
        if not child:
            os._exit(loop.run(answer()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        loop.stop()
