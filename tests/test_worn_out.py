"""Functions that no timeout can end are counted, and a worker full of them is renewed."""

import pytest
from processes import clone
from waiting import wait_until

pytestmark = pytest.mark.processes

HANDLERS = """
    import threading
    from core import Event, on

    class Hung(Event, type="hung"):
        pass

    @on(Hung, name="hang", timeout=0.5, retries=0)
    def hang(event: Hung) -> None:
        threading.Event().wait(600)
"""


def test_a_worn_out_worker_stops(tmp_path):
    with clone(tmp_path, handlers__hang=HANDLERS) as house:
        house.environment["FLASK_CELERY__worker_concurrency"] = "2"
        for name in ("web", "worker"):
            house.start(name)
        wait_until(lambda: hang(house), timeout=30, what="web answers")
        wait_until(lambda: house.runs("&state=dead"), timeout=20, what="the first has timed out")
        worker = house.processes["worker"]
        assert worker.poll() is None
        assert hang(house)
        wait_until(lambda: worker.poll() is not None, timeout=40, what="the worker stops")
        assert worker.wait() == 0
        assert "worn out" in house.log("worker")
        assert len(house.runs("&state=dead")) == 2


def hang(house):
    try:
        return house.request("POST", "/api/v1/events", {"type": "hung", "data": {}})[0] == 202
    except OSError:
        return False
