"""The prefork pool: a killed child costs one run a second or two, a stuck function ends with its process."""

import os
import re
import shlex
import signal

import pytest
from processes import COMMANDS, REPOSITORY, clone
from waiting import wait_until

pytestmark = pytest.mark.processes

LINES = dict(re.findall(r"^(worker|cpu): (celery .*)$", (REPOSITORY / "README.md").read_text(), re.MULTILINE))
CPU = shlex.split(LINES["cpu"])
HANDLERS = """
    import asyncio, os, threading
    from core import Event, on, run

    class Worked(Event, type="worked"):
        n: int
        seconds: float

    @on(Worked, name="work", queue="cpu")
    def work(event: Worked) -> int:
        run.log(f"in {os.getpid()}")
        threading.Event().wait(event.seconds)
        return event.n

    class Hung(Event, type="hung"):
        seconds: float

    @on(Hung, name="hang", queue="cpu", timeout=1, retries=0)
    def hang(event: Hung) -> None:
        run.log(f"in {os.getpid()}")
        threading.Event().wait(event.seconds)

    @on("poured", name="drink", queue="cpu")
    def drink(event: Event) -> None:
        os._exit(0)

    @on("shared", name="share")
    def share(event: Event) -> None:
        pass

    @on("awaited", name="await", queue="cpu")
    async def awaited(event: Event) -> int:
        await asyncio.sleep(0.01)
        return os.getpid()
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    COMMANDS["cpu"] = [*CPU, "-c", "2"]
    with clone(tmp_path_factory.mktemp("prefork"), handlers__work=HANDLERS) as house:
        for name in ("web", "cpu"):
            house.start(name)
        wait_until(lambda: post(house, "awaited") == 202, timeout=30, what="web answers")
        wait_until(lambda: house.runs("&state=succeeded"), timeout=30, what="the pool works")
        yield house


def post(house, kind, **data):
    try:
        return house.request("POST", "/api/v1/events", {"type": kind, "data": data})[0]
    except OSError:
        return 0


def process_of(house, task):
    """Return the process in which the one running run of *task* is."""
    [run] = house.runs(f"&task={task}&state=running")
    log = house.request("GET", f"/api/v1/runs/{run['id']}")[1]["log"]
    return int(log[-1].split()[1]) if log else 0


def test_a_killed_child(house):
    assert post(house, "worked", n=1, seconds=2) == 202
    wait_until(lambda: house.runs("&task=work&state=running") and process_of(house, "work"), what="it runs")
    os.kill(process_of(house, "work"), signal.SIGKILL)
    wait_until(lambda: house.runs("&task=work")[0]["attempt"] == 2, timeout=15, what="it runs again")
    wait_until(lambda: house.runs("&task=work&state=succeeded"), timeout=15, what="it succeeded")
    [run] = house.runs("&task=work")
    assert [(a["number"], a["outcome"]) for a in run["attempts"]] == [(1, "crashed"), (2, "succeeded")]


def test_a_handler_that_ends_its_process_is_charged(house):
    assert post(house, "poured") == 202
    wait_until(lambda: house.runs("&task=drink&state=retrying"), timeout=20, what="it waits for its last chance")
    [run] = house.runs("&task=drink")
    assert [attempt["outcome"] for attempt in run["attempts"]] == ["crashed"] * 2


def test_a_timeout_ends_the_process(house):
    assert post(house, "hung", seconds=60) == 202
    wait_until(lambda: house.runs("&task=hang&state=running") and process_of(house, "hang"), what="it hangs")
    pid = process_of(house, "hang")
    wait_until(lambda: house.runs("&task=hang&state=dead"), timeout=10, what="it is dead")
    [run] = house.runs("&task=hang")
    assert run["error"]["type"].endswith("HandlerTimeout")
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), timeout=5, what="its process is gone")
    before = len(house.runs("&task=await&state=succeeded"))
    assert post(house, "awaited") == 202
    wait_until(lambda: len(house.runs("&task=await&state=succeeded")) > before, timeout=10, what="the pool goes on")


def test_a_stopped_pool_gives_back(house):
    """All processes get the signal, as on Heroku: short work ends, long work is given back, within 25 s."""
    assert post(house, "worked", n=1, seconds=6) == 202
    assert post(house, "worked", n=2, seconds=60) == 202
    wait_until(lambda: len(house.runs("&task=work&state=running")) == 2, timeout=20, what="both run")
    pool = house.processes.pop("cpu")
    os.killpg(pool.pid, signal.SIGTERM)
    assert pool.wait(25) == 0
    stopped = house.runs("&task=work")[:2]
    states = sorted((run["state"], run["attempt"], len(run["attempts"])) for run in stopped)
    assert states == [("pending", 0, 0), ("succeeded", 1, 1)]


def test_celerys_hard_time_limit_is_a_failure(tmp_path):
    COMMANDS["cpu"] = [*CPU, "-c", "1"]
    with clone(tmp_path, handlers__work=HANDLERS) as house:
        house.environment["FLASK_CELERY__task_time_limit"] = "2"
        for name in ("web", "cpu"):
            house.start(name)
        wait_until(lambda: post(house, "worked", n=1, seconds=60) == 202, timeout=30, what="web answers")
        wait_until(lambda: house.runs("&task=work&state=retrying"), timeout=30, what="it failed and waits")
        [run] = house.runs("&task=work")
        assert "time limit of 2 s" in run["error"]["message"]


def test_the_lines_of_the_readme_share_the_work(tmp_path):
    COMMANDS["rest"] = shlex.split(LINES["worker"])
    COMMANDS["cpu"] = CPU
    with clone(tmp_path, handlers__work=HANDLERS) as house:
        for name in ("web", "rest"):
            house.start(name)
        wait_until(lambda: post(house, "worked", n=1, seconds=0) == 202, timeout=30, what="web answers")
        assert post(house, "shared") == 202
        wait_until(lambda: house.runs("&task=share&state=succeeded"), timeout=30, what="one pool does its part")
        assert house.runs("&task=work")[0]["state"] == "pending"
        house.start("cpu")
        wait_until(lambda: house.runs("&task=work&state=succeeded"), timeout=30, what="the other does the rest")
