"""examples/tasks, in place and copied: real server, real workers, every task by POST and by polling."""

import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import redis
from processes import REPOSITORY, TOKEN, clone
from waiting import wait_until

from core.config import Config
from core.app import create_app
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
        settings = current_app.extensions["celery"].conf
        return [current_app.name, settings.task_time_limit, settings.result_expires]

    @blueprint.post("/probe")
    def start():
        return {"id": where.delay().id}

    def setup(app):
        app.config["SEEN"] = True
"""


def environment(url, prefix):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CARILLON_", "FLASK_", "CELERY_"))}
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
def worker(settings, tmp_path_factory):
    log = tmp_path_factory.mktemp("worker") / "log"
    command = [sys.executable, "-m", "celery", "-A", "examples.tasks_app:celery", "worker"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=settings, stdout=file, stderr=file, start_new_session=True
        )
    yield process
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    finally:
        print(log.read_text())


@pytest.fixture
def client(app):
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


@pytest.mark.processes
@pytest.mark.parametrize("kind", [{}, {"async": "1"}], ids=["def", "async def"])
def test_process_tells_its_progress(client, worker, kind):
    url, seen = start(client, "/tasks/process", total=4, **kind), []

    def at_the_end():
        seen.append(polled(client, url))
        return seen[-1]["ready"]

    wait_until(at_the_end, timeout=20, what="the task is ready")
    steps = [found["progress"] for found in seen if found["state"] == "PROGRESS"]
    assert steps
    assert steps[0]["total"] == 4
    assert [step["current"] for step in steps] == sorted(step["current"] for step in steps)
    assert seen[-1] | {"id": url.rpartition("/")[2]} == seen[-1] == {
        "id": seen[-1]["id"], "ready": True, "successful": True, "state": "SUCCESS", "value": {"processed": 4}, "progress": None,
    }
