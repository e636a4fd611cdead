"""A handler that kills its process is charged alone, three times; no other run dies of it."""

import pytest
from processes import clone
from waiting import wait_until

pytestmark = pytest.mark.processes

HANDLERS = """
    import os, signal, threading
    from core import Event, on, run

    class Poured(Event, type="poured"):
        poison: bool

    @on(Poured, name="drink")
    def drink(event: Poured) -> int:
        if event.poison:
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait(1)
        return run.attempt

    @on("run.dead", name="tell")
    def tell(event: Event) -> dict:
        return event.data
"""


def pour(house, poison):
    return house.request("POST", "/api/v1/events", {"type": "poured", "data": {"poison": poison}})


def of_task(house, task, query=""):
    return house.runs(f"&task={task}{query}")


def test_poison(tmp_path):
    with clone(tmp_path, handlers__drinks=HANDLERS) as house:
        for name in ("web", "worker"):
            house.start(name)
        wait_until(lambda: answers(house), timeout=30, what="web answers")
        for _ in range(8):
            assert pour(house, False)[0] == 202
        wait_until(lambda: len(house.runs("&state=running")) == 8, timeout=20, what="eight are going on")
        assert pour(house, True)[0] == 202
        worker = house.processes["worker"]
        wait_until(lambda: worker.poll() is not None, timeout=10, what="the worker died of it")
        house.start("worker")
        wait_until(lambda: len(of_task(house, "drink", "&state=succeeded")) == 8, timeout=40, what="the others end")
        wait_until(lambda: of_task(house, "drink", "&state=dead"), timeout=60, what="the poisoned one is dead")
        assert house.processes["worker"].poll() is None
        [dead] = of_task(house, "drink", "&state=dead")
        assert [attempt["outcome"] for attempt in dead["attempts"]] == ["lost", "crashed", "crashed", "crashed"]
        assert dead["error"]["reason"] == "crash_loop"
        assert "signal 9" in dead["error"]["message"]
        assert {run["attempt"] for run in of_task(house, "drink", "&state=succeeded")} == {2}
        wait_until(lambda: of_task(house, "tell", "&state=succeeded"), timeout=15, what="somebody was told")
        [told] = of_task(house, "tell")
        assert told["result"]["run"] == dead["id"]
        assert told["result"]["reason"] == "crash_loop"


def answers(house):
    try:
        return house.request("GET", "/healthz")[0] == 200
    except OSError:
        return False
