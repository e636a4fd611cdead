"""Async views keep what Flask promises for its own, and share what must be shared."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest
from flask import Flask, Response, abort, after_this_request, current_app, g, request, session, stream_with_context
from flask.views import MethodView, View

SHARED = """
    import asyncio
    import redis.asyncio
    from flask import Blueprint, current_app
    from core import *

    shop = Blueprint("shop", __name__)

    class Shared:
        client = lock = None
        inside = 0

    @shop.get("/shared/<int:n>")
    async def shared(n):
        if Shared.client is None:
            Shared.client = redis.asyncio.Redis.from_url(current_app.config["REDIS_URL"], max_connections=100)
            Shared.lock = asyncio.Lock()
        prefix = current_app.extensions["carillon"].config.prefix
        async with Shared.lock:
            Shared.inside += 1
            assert Shared.inside == 1
            await asyncio.sleep(0)
            Shared.inside -= 1
        assert await Shared.client.set(f"{prefix}:n:{n}", n)
        return [n, int(await Shared.client.get(f"{prefix}:n:{n}"))]

    @shop.get("/close")
    async def close():
        await Shared.client.aclose()
        return ""
"""

variable: ContextVar[str] = ContextVar("variable", default="unset")


@pytest.fixture(params=["ours", "stock"])
def app(request, make_app) -> Flask:
    """Our application, and Flask as it is: what is tested with this fixture is true of both."""
    if request.param == "ours":
        return make_app()
    stock = Flask("stock")
    stock.secret_key = "stock"
    return stock


@pytest.fixture
def client(app):
    return app.test_client()


def test_context_variables_go_to_the_view_and_back(app, client):
    seen = []

    @app.before_request
    def before():
        variable.set("before")

    @app.before_request
    async def before_too():
        assert variable.get() == "before"
        variable.set("async before")

    @app.get("/mine")
    async def view():
        seen.append(variable.get())
        await asyncio.sleep(0)
        variable.set("view")
        await asyncio.create_task(child())
        return variable.get()

    async def child():
        seen.append(variable.get())
        variable.set("child")

    @app.after_request
    async def after(response):
        seen.append(variable.get())
        variable.set("after")
        return response

    @app.teardown_request
    def teardown(error):
        seen.append(variable.get())

    assert client.get("/mine").text == "view"
    assert seen == ["async before", "view", "view", "after"]


def test_context_variables_come_back_from_a_view_that_raises(app, client):
    seen = []

    @app.get("/mine")
    async def view():
        variable.set("raised")
        raise LookupError

    @app.errorhandler(LookupError)
    def handle(error):
        seen.append(variable.get())
        return "handled"

    assert client.get("/mine").text == "handled"
    assert seen == ["raised"]


def test_requests_keep_theirs_apart(app):
    @app.before_request
    def before():
        variable.set(request.args["n"])
        g.n = request.args["n"]
        session["n"] = request.args["n"]

    @app.get("/mine")
    async def view():
        found = set()
        for _ in range(3):
            await asyncio.sleep(0.001)
            found |= {variable.get(), g.n, session["n"], request.args["n"]}
        session["view"] = variable.get()
        variable.set(f"view {variable.get()}")
        return {"found": sorted(found), "app": current_app.name}

    @app.after_request
    def after(response):
        response.headers["Variable"] = variable.get()
        return response

    def ask(n):
        with app.test_client() as client:
            answer = client.get(f"/mine?n={n}")
            return answer.json, answer.headers["Variable"], session["n"], session["view"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(200)))
    assert found == [({"found": [str(n)], "app": app.name}, f"view {n}", str(n), str(n)) for n in range(200)]


def test_every_kind_of_function_may_be_async(app, client):
    said = []

    @app.before_request
    async def before():
        await asyncio.sleep(0)
        if request.args.get("stop"):
            return "stopped", 403
        said.append("before")
        return None

    @app.after_request
    async def after(response):
        await asyncio.sleep(0)
        said.append("after")
        response.headers["After"] = "yes"
        return response

    @app.teardown_request
    async def teardown(error):
        await asyncio.sleep(0)
        said.append(f"teardown {type(error).__name__}")

    @app.teardown_appcontext
    async def teardown_app(error):
        said.append(f"app {type(error).__name__}")

    @app.get("/mine")
    async def view():
        @after_this_request
        async def once(response):
            response.headers["Once"] = "yes"
            return response

        return "fine"

    answer = client.get("/mine")
    assert (answer.text, answer.headers["After"], answer.headers["Once"]) == ("fine", "yes", "yes")
    assert said == ["before", "after", "teardown NoneType", "app NoneType"]
    assert client.get("/mine?stop=1").status_code == 403


def test_an_async_view_may_abort_to_an_async_handler(app, client):
    @app.errorhandler(404)
    async def missing(error):
        await asyncio.sleep(0)
        return f"missing: {error.description}", 404

    @app.get("/mine")
    async def view():
        await asyncio.sleep(0)
        abort(404, "this one")

    answer = client.get("/mine")
    assert (answer.status_code, answer.text) == (404, "missing: this one")


def test_an_error_is_an_error_500_and_is_told_to_teardown(app, client):
    told = []

    @app.get("/mine")
    async def view():
        await asyncio.sleep(0)
        raise ValueError("with words")

    @app.teardown_request
    async def teardown(error):
        told.append(str(error))

    app.testing = False
    answer = client.get("/mine")
    assert (answer.status_code, "Internal Server Error" in answer.text, told) == (500, True, ["with words"])
    app.testing = True
    with pytest.raises(ValueError, match="with words"):
        client.get("/mine")


def test_class_based_views(app, client):
    class Item(MethodView):
        init_every_request = False

        def __init__(self, word):
            self.word = word

        async def get(self, n):
            await asyncio.sleep(0)
            return f"{self.word} {n}"

        async def put(self, n):
            return {"put": n, "body": request.json}

        def delete(self, n):
            return "", 204

    class Page(View):
        async def dispatch_request(self):
            await asyncio.sleep(0)
            return request.endpoint

    app.add_url_rule("/items/<int:n>", view_func=Item.as_view("item", "item"))
    app.add_url_rule("/page", view_func=Page.as_view("page"))
    assert client.get("/items/7").text == "item 7"
    assert client.put("/items/7", json=[1]).json == {"put": 7, "body": [1]}
    assert (client.delete("/items/7").status_code, client.post("/items/7").status_code) == (204, 405)
    assert client.get("/page").text == "page"


def test_streams(app, client):
    @app.get("/mine")
    async def view():
        await asyncio.sleep(0)
        variable.set("streamed")
        g.n = 3

        @stream_with_context
        def parts():
            for n in range(g.n):
                yield f"{n} {request.args['word']} {variable.get()}\n"

        return Response(parts(), mimetype="text/plain")

    answer = client.get("/mine?word=a", buffered=False)
    assert list(answer.iter_encoded()) == [f"{n} a streamed\n".encode() for n in range(3)]


def test_two_thousand_requests_share_a_client_and_a_lock_of_first_use(make_app):
    app = make_app(SHARED)

    def ask(n):
        answer = app.test_client().get(f"/shared/{n}")
        return answer.status_code, answer.json

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(ask, range(2000))) == [(200, [n, n]) for n in range(2000)]
    assert app.test_client().get("/close").status_code == 200
