"""The whole main job on every pair of broker and result backend: real processes, real servers."""

import hashlib
import hmac
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from celery import Celery
from engines import backend, broker
from processes import REPOSITORY, clone
from waiting import wait_until

from core.config import celery_url

pytestmark = pytest.mark.processes

PAIRS = list(product(("redis", "rabbitmq"), ("redis", "postgres", "sqlite")))
AT_ONCE = 3  # as many as two cores can bring up in time
WATCHERS = """
    import threading

    from celery import shared_task
    from flask import Blueprint

    from core import Event, on, run

    blueprint = Blueprint("later", __name__)

    @shared_task(ignore_result=False)
    def increment(n):
        return n + 1

    @blueprint.post("/later")
    def later():
        return {"url": f"/api/v1/tasks/{increment.apply_async((41,), countdown=2).id}"}, 202

    @on("github.*", name="note")
    def note(event: Event) -> int:
        return event.data["number"]

    @on("github.push", name="slow", queue="slow")
    def slow(event: Event) -> None:
        threading.Event().wait(60 if run.attempt == 1 else 0)
"""
CLOCK = """
    from core import every

    @every(seconds=1, name="tick")
    def tick() -> None: ...
"""


def deliver(house, kind, number):
    """Send a delivery as GitHub does."""
    body = json.dumps({"number": number, "ref": "refs/heads/main"}).encode()
    signature = hmac.new(b"process-secret", body, hashlib.sha256).hexdigest()
    head = {"X-GitHub-Event": kind, "X-GitHub-Delivery": f"{kind}-{number}"}
    return house.request("POST", "/hooks/github", body, **head, **{"X-Hub-Signature-256": f"sha256={signature}"})


def start(house, path, fields=b""):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, answer = house.request("POST", path, fields, **form)
    assert status == 202, answer
    return answer["url"]


def ended(house, url):
    return wait_until(lambda: (f := house.request("GET", url)[1])["ready"] and f, timeout=30, what=f"{url} is ready")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """The main job of every pair, some at once: most of it is waiting."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {pair: pool.submit(main_job, tmp_path_factory.mktemp("-".join(pair)), *pair) for pair in PAIRS}


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_main_job(jobs, pair):
    jobs[pair].result(180)


def main_job(folder, broker_name, backend_name):
    with (
        broker(broker_name, "") as (broker_url, prefix),  # cleans up when the processes have ended
        clone(folder, handlers__watchers=WATCHERS, schedules__clock=CLOCK) as house,
        backend(backend_name, house.url, folder) as backend_url,
    ):
        shutil.copytree(REPOSITORY / "examples" / "tasks", folder / "handlers" / "tasks")
        house.environment |= {"CARILLON_PREFIX": prefix}
        house.environment |= {"CELERY_BROKER_URL": broker_url or house.url, "CELERY_RESULT_BACKEND": backend_url}
        for name in ("web", "worker", "beat"):
            house.start(name)
        house.ready()
        worker_dies(house)
        tasks_answer(house, celery_url(backend_url))
        deliveries_ran(house)
        cleanup = house.request("GET", "/api/v1/schedules/carillon.expire_results")
        assert cleanup[0] == (404 if backend_name == "redis" else 200)


def worker_dies(house):
    """Deliver, and kill the worker with eight runs in hand."""
    for number in range(8):
        assert deliver(house, "push", number)[0] == 202
    assert deliver(house, "push", 7)[1]["duplicate"]
    wait_until(lambda: len(house.runs("&state=running&task=slow")) == 8, timeout=20, what="8 slow runs are going on")
    house.kill("worker")
    house.start("worker")


def tasks_answer(house, backend_url):
    """Plain tasks come back through the API: sums, errors, progress, one that is still running, one that waits."""
    later = start(house, "/later")
    block, process = start(house, "/tasks/block"), start(house, "/tasks/process", b"total=20")
    add, divide = start(house, "/tasks/add", b"a=40&b=2"), start(house, "/tasks/divide", b"a=1&b=0")
    seen = wait_until(lambda: house.request("GET", process)[1]["progress"], timeout=20, what="progress")
    assert seen["total"] == 20
    wait_until(lambda: house.request("GET", block)[1]["state"] == "STARTED", what="the other is going on too")
    failed = ended(house, divide)
    assert (failed["state"], failed["value"]) == ("FAILURE", "ZeroDivisionError: division by zero")
    assert "return a / b" in failed["traceback"]
    found = Celery(backend=backend_url, set_as_current=False).AsyncResult(divide.rpartition("/")[2])
    assert isinstance(found.result, ZeroDivisionError)
    assert found.traceback.rstrip().endswith("ZeroDivisionError: division by zero")
    assert ended(house, add)["value"] == 42
    assert ended(house, process)["value"] == {"processed": 20}
    assert ended(house, block)["value"] == "carillon waited 5 s"
    assert ended(house, later)["value"] == 42


def deliveries_ran(house):
    """All deliveries ran, what the killed worker had in hand ran again, and the schedule fired."""
    for task in ("note", "slow"):
        done = f"&state=succeeded&task={task}"
        wait_until(lambda done=done: len(house.runs(done)) == 8, timeout=30, what=f"8 runs of {task}")
    assert {run["attempts"][0]["outcome"] for run in house.runs("&task=slow")} == {"lost"}
    assert sorted(run["result"] for run in house.runs("&task=note")) == list(range(8))
    wait_until(lambda: house.runs("&state=succeeded&task=tick"), what="the schedule fired")
