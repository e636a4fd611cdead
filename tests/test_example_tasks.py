"""examples/tasks, in place and copied: real server, real workers, every task by POST and by polling."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from contextlib import suppress

import pytest
import redis
from processes import REPOSITORY, TOKEN, clone
from waiting import wait_until

from core.app import create_app
from core.config import Config
from core.house import house
from core.testing import server

BEARER = {"Authorization": f"Bearer {TOKEN}"}
PACKAGES = ("handlers", "schedules", "examples.tasks")
PROBE = """
    from celery import shared_task
    from flask import Blueprint, current_app

    blueprint = Blueprint("probe", __name__)

    @shared_task(ignore_result=False)
    def where():
        return [current_app.name, current_app.extensions["celery"].conf.task_time_limit]

    @blueprint.post("/probe")
    def start():
        return {"id": where.delay().id}
"""


def environment(url, prefix):
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("CARILLON_", "FLASK_", "CELERY_"))
    }
    return clean | {
        "CARILLON_ENV": "production",
        "CARILLON_PREFIX": prefix,
        "REDIS_URL": url,
        "SECRET_KEY": "example-key",
        "API_TOKEN": TOKEN,
        "FLASK_CELERY__task_time_limit": "30",
    }


@pytest.fixture(scope="module")
def settings():
    with server() as url:
        yield environment(url, f"t{uuid.uuid4().hex[:10]}")


@pytest.fixture(scope="module")
def app(settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLASK_CELERY__task_time_limit", "30")
        app = create_app(Config.from_env(settings), packages=PACKAGES)
    yield app
    house(app).close()


@pytest.fixture(scope="module")
def worker(settings):
    command = [sys.executable, "-m", "celery", "-A", "examples.tasks_app:celery", "worker"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=settings, start_new_session=True)
    try:
        yield process
        process.terminate()
        assert process.wait(20) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def client(app):
    app.extensions["celery"].set_default()  # shared tasks go by the app made last, and tests here make several
    return app.test_client()


def start(client, path, **fields):
    answer = client.post(path, data=fields, headers=BEARER)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == answer.json["url"] == f"/api/v1/tasks/{answer.json['id']}"
    return answer.json["url"]


def polled(client, url):
    return client.get(url, headers=BEARER).json


def ended(client, url):
    return wait_until(lambda: (found := polled(client, url))["ready"] and found, timeout=20, what=f"{url} is ready")


def outcome(found):
    return found["state"], found["successful"], found["value"], found["progress"]


BOTH = pytest.mark.parametrize("kind", [{}, {"async": "1"}], ids=["def", "async def"])


@pytest.mark.processes
@BOTH
def test_add_returns_the_sum(client, worker, kind):
    url = start(client, "/tasks/add", a=" 2 ", b="-3", **kind)
    found = ended(client, url)
    assert found == {
        "id": url.rpartition("/")[2],
        "ready": True,
        "successful": True,
        "state": "SUCCESS",
        "value": -1,
        "progress": None,
    }


@pytest.mark.processes
@BOTH
def test_process_tells_its_progress(client, worker, kind):
    url, seen = start(client, "/tasks/process", total=4, **kind), []

    def at_the_end():
        seen.append(polled(client, url))
        return seen[-1]["ready"]

    wait_until(at_the_end, timeout=20, what="the task is ready")
    steps = [found for found in seen if found["state"] == "PROGRESS"]
    counts = [step["progress"]["current"] for step in steps]
    assert len(set(counts)) >= 2
    assert counts == sorted(counts)
    assert {step["progress"]["total"] for step in steps} == {4}
    assert {(step["ready"], step["successful"], step["value"]) for step in steps} == {(False, None, None)}
    assert outcome(seen[-1]) == ("SUCCESS", True, {"processed": 4}, None)


@pytest.mark.processes
def test_async_tasks_at_once_keep_their_progress_apart(client, worker):
    urls = {total: start(client, "/tasks/process", total=total, **{"async": "1"}) for total in (2, 3, 4, 5)}
    seen = {total: [] for total in urls}

    def all_ended():
        for total, url in urls.items():
            seen[total].append(polled(client, url))
        return all(found[-1]["ready"] for found in seen.values())

    wait_until(all_ended, timeout=20, what="all four are ready")
    for total, found in seen.items():
        assert {one["progress"]["total"] for one in found if one["progress"]} == {total}
        assert found[-1]["value"] == {"processed": total}


@pytest.mark.processes
@BOTH
def test_a_failure_says_why(client, worker, kind):
    found = ended(client, start(client, "/tasks/divide", a=1, b=0, **kind))
    assert outcome(found) == ("FAILURE", False, "ZeroDivisionError: division by zero", None)


@pytest.mark.processes
def test_block_is_seen_running(client, worker):
    urls = [start(client, "/tasks/block"), start(client, "/tasks/block", **{"async": "1"})]
    wait_until(lambda: all(polled(client, url)["state"] == "STARTED" for url in urls), what="both run")
    for url in urls:
        assert outcome(ended(client, url)) == ("SUCCESS", True, "carillon waited 5 s", None)


@pytest.mark.processes
def test_copied_into_handlers_it_works(tmp_path):
    with clone(tmp_path, handlers__probe=PROBE) as house_of_mine:
        shutil.copytree(REPOSITORY / "examples" / "tasks", tmp_path / "handlers" / "tasks")
        house_of_mine.environment["FLASK_CELERY__task_time_limit"] = "30"
        house_of_mine.start("web")
        house_of_mine.start("worker")
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        def post(path, fields=b""):
            try:
                return house_of_mine.request("POST", path, fields, **form)
            except OSError:
                return None

        status, added = wait_until(lambda: post("/tasks/add", b"a=40&b=2"), timeout=20, what="web answers")
        assert (status, added["task"]) == (202, "handlers.tasks.tasks.add")
        _, probe = post("/probe")

        def value(task):
            found = house_of_mine.request("GET", f"/api/v1/tasks/{task['id']}")[1]
            return found["ready"] and found

        assert wait_until(lambda: value(added), timeout=20, what="the sum")["value"] == 42
        assert wait_until(lambda: value(probe), timeout=20, what="the probe")["value"] == ["carillon", 30]
        assert post("/tasks/process", b"total=ten")[0] == 422


def test_settings_reach_celery(app):
    assert app.config["CELERY"] == {"task_time_limit": 30}
    assert app.extensions["celery"].conf.task_time_limit == 30
    assert app.extensions["celery"].tasks["examples.tasks.tasks.add"].app is app.extensions["celery"]


def test_tasks_wait_on_the_plain_queue(settings):
    there = Config.from_env(settings | {"CARILLON_PREFIX": "quiet"})
    app = create_app(there, packages=PACKAGES)
    url = start(app.test_client(), "/tasks/add", a=1, b=2)
    with redis.Redis.from_url(there.redis_url) as client:
        [message] = client.lrange("quiet.celery", 0, -1)
    assert json.loads(message)["headers"]["task"] == "examples.tasks.tasks.add"
    assert outcome(polled(app.test_client(), url)) == ("PENDING", None, None, None)
    house(app).close()


NUMBER_WANTED = "it must be a whole number from -1000000000 to 1000000000."


@pytest.mark.parametrize(
    ("path", "fields", "detail"),
    [
        ("/tasks/add", {"a": "two", "b": "3"}, f"a is 'two'; {NUMBER_WANTED}"),
        ("/tasks/add", {"a": "2"}, f"b is missing; {NUMBER_WANTED}"),
        ("/tasks/add", {}, f"a is missing; {NUMBER_WANTED} b is missing; {NUMBER_WANTED}"),
        ("/tasks/add", {"a": "1.5", "b": "1"}, f"a is '1.5'; {NUMBER_WANTED}"),
        ("/tasks/add", {"a": "9" * 5000, "b": "1"}, f"a is '{'9' * 40}'; {NUMBER_WANTED}"),
        ("/tasks/divide", {"a": "1", "b": "\u0663\0"}, f"b is '\u0663\\x00'; {NUMBER_WANTED}"),
        ("/tasks/process", {"total": "0"}, "total is '0'; it must be a whole number from 1 to 100."),
        ("/tasks/process", {"total": "101"}, "total is '101'; it must be a whole number from 1 to 100."),
        ("/tasks/process", {"total": ""}, "total is missing; it must be a whole number from 1 to 100."),
    ],
)
def test_bad_input_is_refused_in_words(client, path, fields, detail):
    answer = client.post(path, data=fields, headers=BEARER)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert json.loads(answer.text)["detail"] == detail


def test_a_body_that_is_no_form_is_refused(client):
    answer = client.post("/tasks/process", data=b"\xff{", content_type="application/json", headers=BEARER)
    assert answer.status_code == 422


@pytest.mark.parametrize("given", [None, "Bearer", "Bearer wrong", "Bearer \xe9", "Basic eDp5", f"Basic {TOKEN}"])
def test_only_the_token_starts_tasks(client, given):
    answer = client.post("/tasks/block", headers={"Authorization": given} if given else {})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "token" in json.loads(answer.text)["detail"]


def test_a_server_that_is_away_answers_503(settings, monkeypatch):
    policy = '{"retry_policy": {"max_retries": 1}}'
    monkeypatch.setenv("FLASK_CELERY__result_backend_transport_options", policy)
    app = create_app(Config.from_env(settings | {"REDIS_URL": "redis://127.0.0.1:1/0"}), packages=PACKAGES)
    answer = app.test_client().post("/tasks/add", data={"a": 1, "b": 2}, headers=BEARER)
    assert answer.status_code == 503
    assert "does not answer" in json.loads(answer.text)["detail"]
    house(app).close()


def test_the_page_runs_only_its_own_scripts(client):
    page = client.get("/tasks/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert re.findall(r"<script[^>]*>(.*?)</script>", page.text, re.DOTALL) == [""]
    assert not re.search(r"\s(on\w+|style)=", page.text)
    assert page.text.count('<form action="/tasks/') == 4
    assert TOKEN not in page.text
    for address in set(re.findall(r'(?:src|href)="(/[^"]+\.\w+)"', page.text)):
        with client.get(address) as found:
            assert found.status_code == 200, address


def test_the_page_lives_under_a_mount_point(client):
    mounted = {"SCRIPT_NAME": "/bells"}
    assert '<form action="/bells/tasks/add"' in client.get("/tasks/", environ_overrides=mounted).text
    answer = client.post("/tasks/add", data={"a": 1, "b": 1}, headers=BEARER, environ_overrides=mounted)
    assert answer.json["url"].startswith("/bells/api/v1/tasks/")
