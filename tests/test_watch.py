"""In development, what blocks the event loop is named: who, where and for how long."""

import asyncio
import threading

import pytest
from processes import household
from waiting import wait_until

from core import fibers, moments, watch
from core.current import Current, bound
from core.fibers import Fiber
from core.house import house
from core.testing import drain, events

HANDLERS = """
    import asyncio, threading
    from celery import shared_task
    from flask import Blueprint
    from core import *

    shop = Blueprint("shop", __name__)
    free = threading.Event()

    def block(seconds):
        threading.Event().wait(seconds)  # block

    @shop.get("/slow")
    async def slow():
        await asyncio.sleep(0)
        block(0.4)
        return {}

    @shop.get("/child")
    async def child():
        async def work():
            block(0.4)
        await asyncio.create_task(work())
        return ""

    @shop.get("/other")
    async def other():
        threading.Event().wait(0.4)  # other
        return ""

    @shop.get("/number")
    async def number():
        return str(sum(range(40_000_000)))  # number

    @shop.get("/awaits")
    async def awaits():
        await asyncio.sleep(0.3)
        for _ in range(100):
            threading.Event().wait(0.003)
            await asyncio.sleep(0)
        return ""

    @shop.get("/stuck")
    async def stuck():
        free.wait()  # stuck
        return ""

    class Slept(Event, type="slept"):
        pass

    @on(Slept)
    async def sleeps(event):
        await asyncio.sleep(0)
        threading.Event().wait(0.4)  # sleeps

    @shared_task
    async def plain():
        await asyncio.sleep(0)
        threading.Event().wait(0.4)  # plain

    @shop.get("/plain")
    async def send():
        await asyncio.to_thread(plain.delay)
        return {}
"""


@pytest.fixture
def named(app):
    """What was told: a list of (who, where, seconds)."""
    found = []

    def hear(_, who, where, seconds):
        found.append((who, where.split("/")[-1], seconds))

    with moments.blocked.connected_to(hear, sender=app):
        yield found


def number(name):
    """Return the number of the line that bears *name* as its comment."""
    return next(n for n, text in enumerate(HANDLERS.splitlines(), 1) if text.endswith(f"# {name}"))


def line(name):
    return f"subject.py:{number(name)}"


def get(app, path):
    assert app.test_client().get(path).status_code == 200


def test_a_view_is_named_with_the_users_innermost_line(app, named):
    get(app, "/slow")
    wait_until(lambda: named)
    [(who, where, seconds)] = named
    assert (who, where) == ("view shop.slow", line("block"))
    assert seconds > 0.2


def test_what_it_started_bears_its_name(app, named):
    get(app, "/child")
    wait_until(lambda: named)
    assert named[0][:2] == ("view shop.child", line("block"))


def test_a_place_is_named_once_a_minute(app, named, monkeypatch):
    for path in ("/slow", "/slow", "/child", "/other"):
        get(app, path)
    wait_until(lambda: len(named) == 2)
    assert [where for _, where, _ in named] == [line("block"), line("other")]
    monkeypatch.setattr(watch, "AGAIN", 0)
    get(app, "/slow")
    wait_until(lambda: len(named) == 3)


def test_so_is_what_lets_no_other_thread_run(app, named):
    get(app, "/number")
    wait_until(lambda: named)
    assert named[0][:2] == ("view shop.number", line("number"))


def test_many_short_steps_block_nothing(app, named):
    get(app, "/awaits")
    get(app, "/other")
    wait_until(lambda: named)
    assert [who for who, *_ in named] == ["view shop.other"]


def test_what_never_ends_is_named_while_it_goes_on(app, named, monkeypatch):
    monkeypatch.setattr(watch, "STILL", 0.2)
    asks = threading.Thread(target=get, args=(app, "/stuck"))
    asks.start()
    free = app.view_functions["shop.stuck"].__globals__["free"]
    try:
        wait_until(lambda: named)
    finally:
        free.set()
        asks.join()
    get(app, "/other")
    wait_until(lambda: len(named) > 1)
    assert [where for _, where, _ in named] == [line("stuck"), line("other")]


def test_a_run_is_named(app, named):
    client = app.test_client()
    headers = {"Authorization": "Bearer test-token"}
    assert client.post("/api/v1/events", json={"type": "slept", "data": {}}, headers=headers).status_code == 202
    [run] = drain(app)
    wait_until(lambda: named)
    assert named[0][:2] == (f"task {run['task']} run={run['id']}", line("sleeps"))
    assert events(app)


def test_a_run_on_a_fiber_is_named(app, named):
    async def work():
        run = Current(id="7", task="on.a.fiber", attempt=1, cause=None, note=None)
        with bound(run):
            await asyncio.sleep(0)
            await app.view_functions["shop.other"]()

    loop = house(app).loop
    loop.soon(lambda: Fiber(lambda: fibers.current().complete(work()), None, lambda: None).switch())
    wait_until(lambda: named)
    assert named[0][:2] == ("task on.a.fiber run=7", line("other"))


def test_a_listener_that_raises_does_not_end_the_watch(app):
    heard = []

    def fails(_, where, **told):
        heard.append(where)
        raise LookupError

    with moments.blocked.connected_to(fails, sender=app):
        get(app, "/slow")
        wait_until(lambda: heard)
        get(app, "/other")
        wait_until(lambda: len(heard) == 2)


def test_production_has_no_watch(make_app):
    app = make_app(HANDLERS, env="production")
    assert house(app).loop.watched is None


@pytest.mark.processes
def test_the_log_of_make_run_names_views_runs_and_tasks(tmp_path):
    with household(tmp_path, handlers__shop=HANDLERS) as clone:
        for path in ("/slow", "/plain"):
            assert clone.request("GET", path) == (200, {})
        clone.request("POST", "/api/v1/events", {"type": "slept", "data": {}})
        wait_until(lambda: clone.log("house").count("blocked the event loop") == 3, what="three are named")
        [run] = clone.runs()
        log = clone.log("house")
    lines = sorted(line.partition("carillon ")[2] for line in log.splitlines() if "blocked the event loop" in line)
    [task, slept, view] = lines
    assert slept.startswith(f"task handlers.shop.sleeps run={run['id']} blocked the event loop for 0.")
    assert slept.endswith(f" s at handlers/shop.py:{number('sleeps')}")
    assert task.startswith("task handlers.shop.plain id=")
    assert task.endswith(f" s at handlers/shop.py:{number('plain')}")
    assert view.startswith("view shop.slow blocked")
    assert view.endswith(f" s at handlers/shop.py:{number('block')}")
