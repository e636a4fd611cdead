"""Results of plain tasks: kept whatever they hold, expired by schedule; a backend that is away holds up nobody."""

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from celery.result import AsyncResult
from engines import backend
from waiting import wait_until

from core.chores import RESULTS
from core.house import house
from core.results import MOST, Results
from core.testing import API_TOKEN, drain

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
SUBJECT = """
    from celery import shared_task
    from flask import Blueprint

    from core import Event, emit_async, on

    class Told(Event, type="told"):
        pass

    @on(Told)
    def note(event: Told) -> None: ...

    blueprint = Blueprint("telling", __name__)

    @blueprint.get("/tell")
    async def tell():
        await emit_async(Told())
        return {}, 202

    @shared_task(ignore_result=False)
    def add(a, b):
        return a + b

    @blueprint.get("/add")
    def start():
        return add.delay(1, 2).id, 202
"""


@pytest.fixture
def silent(monkeypatch):
    """The URL of a database that takes connections and says nothing; it is asked once, and then once more."""
    monkeypatch.setattr("celery.backends.database.session.PREPARE_MODELS_MAX_RETRIES", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"db+postgresql+psycopg://nobody@127.0.0.1:{listener.getsockname()[1]}/none"


def test_a_database_that_says_nothing_holds_nobody_up(make_app, silent):
    app = make_app(SUBJECT, result_backend=silent)
    app.extensions["celery"].conf.result_backend_max_retries = 1
    answers, begun = [], time.monotonic()

    def ask(number):
        answer = app.test_client().get(f"/api/v1/tasks/{number}", headers=BEARER)
        answers.append((answer.status_code, answer.json["type"].rpartition("/")[2], time.monotonic() - begun))

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in asking:
        thread.start()
    house(app).bus.durability._until = 0.0  # so that it has to be asked on a thread
    for path in ("/tell", "/add", "/tell"):
        assert app.test_client().get(path).status_code == 202
    assert time.monotonic() - begun < 1.5
    assert answers == []
    for thread in asking:
        thread.join(10)
    assert {answer[:2] for answer in answers} == {(503, "ledger-unavailable")}
    assert max(seconds for _, _, seconds in answers) < 4
    threads = house(app).results._threads
    wait_until(lambda: not threads._work and threads._idle == threads._count, 20, "the database to be given up")


def told(app, task):
    answer = app.test_client().get(f"/api/v1/tasks/{task}", headers=BEARER)
    return answer.json if answer.status_code == 200 else None


@pytest.mark.parametrize("kind", ["redis", "postgres", "sqlite"])
@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_an_error_comes_back_whatever_its_text_holds(make_app, server_url, tmp_path, kind):
    with backend(kind, server_url, tmp_path) as url:
        app = make_app(**{"result_backend": url} if kind != "redis" else {})
        celery = app.extensions["celery"]
        celery.backend.mark_as_failure("odd", ValueError("a\0b"), "Traceback\n  line 7\nValueError: a\0b")
        answer = wait_until(lambda: told(app, "odd"), what="the backend answers in time")
        assert (answer["state"], answer["value"]) == ("FAILURE", "ValueError: a\0b")
        assert answer["traceback"].replace("\N{SYMBOL FOR NULL}", "\0") == "Traceback\n  line 7\nValueError: a\0b"
        found = AsyncResult("odd", app=celery)
        assert isinstance(found.result, ValueError)
        assert found.result.args == ("a\0b",)


class Slow:
    """A result backend that answers when it may."""

    def __init__(self):
        self.asked, self.may = [], threading.Event()

    def get_task_meta(self, task):
        self.asked.append(task)
        self.may.wait(10)
        return {"status": "PENDING"}


def test_nobody_asks_for_those_who_have_gone_away():
    backend = Slow()
    results = Results(SimpleNamespace(backend=backend))

    async def ask():
        found = await asyncio.gather(*(results.of(str(n), 0.2) for n in range(MOST + 6)), return_exceptions=True)
        assert {type(one) for one in found} == {TimeoutError}
        backend.may.set()
        return await results.of("last", 5)

    assert asyncio.run(ask()) == {"status": "PENDING"}
    assert sorted(backend.asked) == [*(str(n) for n in range(MOST)), "last"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_results_expire_by_schedule(make_app, tmp_path, kind):
    with backend(kind, "", tmp_path) as url:
        app = make_app(result_backend=url)
        here, celery = house(app), app.extensions["celery"]
        celery.backend.mark_as_failure("old", ZeroDivisionError("division by zero"), "Traceback: line 7")
        celery.backend.store_result("new", {"sum": 3}, "SUCCESS")
        age(celery.backend, "old", timedelta(days=2))
        found = AsyncResult("old", app=celery)
        assert isinstance(found.result, ZeroDivisionError)
        assert found.traceback == "Traceback: line 7"
        here.clockwork.add_missing(datetime.now(UTC))
        [schedule] = app.test_client().get("/api/v1/schedules", headers=BEARER).json["items"]
        assert (schedule["name"], schedule["cron"], schedule["owner"]) == (RESULTS, "30 4 * * *", "code")
        app.test_client().post(f"/api/v1/schedules/{RESULTS}/run", headers=BEARER)
        assert [run["state"] for run in drain(app)] == ["succeeded"]
        assert (AsyncResult("old", app=celery).state, AsyncResult("new", app=celery).result) == ("PENDING", {"sum": 3})


def age(backend, task, by):
    session = backend.ResultSession()
    [row] = session.query(backend.task_cls).filter_by(task_id=task)
    row.date_done = datetime.now(UTC) - by
    session.commit()
    session.close()


def test_redis_needs_no_chores(make_app):
    assert RESULTS not in house(make_app()).catalog.schedules
