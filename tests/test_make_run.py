"""All of it as ``make run`` starts it: whatever is killed, nothing acknowledged is lost."""

import os
import signal
import threading
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from processes import household
from waiting import wait_until

pytestmark = pytest.mark.processes

HANDLERS = """
    from core import Event, on

    class Counted(Event, type="counted"):
        n: int

    @on(Counted)
    async def first(event: Counted) -> int:
        return event.n

    @on(Counted)
    def second(event: Counted) -> int:
        return event.n
"""
SCHEDULES = """
    from core import every

    @every(seconds=2, overlap="allow", catch_up="all", name="tick")
    def tick() -> None: ...
"""


class Sender(threading.Thread):
    """Posts numbered events without pause until told to stop; keeps what was acknowledged."""

    def __init__(self, house):
        super().__init__()
        self.house, self.stopped, self.acknowledged, self.errors, self.odd = house, threading.Event(), {}, 0, []

    def run(self):
        n = 0
        while not self.stopped.wait(0.05):
            n += 1
            try:
                status, answer = self.house.request("POST", "/api/v1/events", {"type": "counted", "data": {"n": n}})
            except (OSError, ValueError):
                self.errors += 1
                continue
            if status == 202:
                self.acknowledged[answer["id"]] = n
            elif status != 503:
                self.odd.append((status, answer))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with household(tmp_path_factory.mktemp("house"), handlers__count=HANDLERS, schedules__tick=SCHEDULES) as made:
        yield made


def test_whatever_is_killed(house):
    sender = Sender(house)
    sender.start()
    try:
        for name in ("worker", "web", "beat", "valkey"):
            before, pid = len(sender.acknowledged), house.pid(name)
            wait_until(
                lambda before=before: len(sender.acknowledged) > before + 10, timeout=20, what="events are taken"
            )
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda name=name, pid=pid: house.pid(name) not in (0, pid), timeout=20, what=f"a new {name}")
            house.ready()
            assert f"{name} ended (signal 9)" in house.log("house")
    finally:
        sender.stopped.set()
        sender.join()
    assert sender.odd == []
    wait_until(lambda: all(ended(house, sender)), timeout=30, what="all that was acknowledged ended well")


def ended(house, sender):
    for event, n in sender.acknowledged.items():
        status, found = house.request("GET", f"/api/v1/events/{event}")
        assert status == 200, f"{event} was acknowledged and is gone"
        assert len(found["runs"]) == 2
        yield all((run["state"], run["result"]) == ("succeeded", n) for run in found["runs"])


def test_ten_fires_in_twenty_seconds_each_a_run(house):
    def fires():
        return house.request("GET", "/api/v1/schedules/tick/fires?limit=500")[1]["items"]

    known = len(fires())  # beat and ledger were killed a moment ago: until it leads again, fires are late
    wait_until(lambda: len(fires()) > known, timeout=10, what="beat leads and fires")
    begin = len(fires())
    wait_until(lambda: len(fires()) >= begin + 10, timeout=25, what="ten more fires")
    rows = list(reversed(fires()))
    planned = [datetime.fromisoformat(row["planned"]) for row in rows]
    assert {later - earlier for earlier, later in pairwise(planned)} == {timedelta(seconds=2)}
    assert {row["state"] for row in rows} == {"fired"}
    assert max(row["late"] for row in rows[-10:]) < 2
    runs = {run["id"]: run for run in house.runs("&schedule=tick")}
    assert all(runs[row["run"]]["fire"] == {"schedule": "tick", "planned": row["planned"]} for row in rows)


def test_a_broken_file_keeps_the_old_code(house):
    pid = house.pid("web")
    broken = house.folder / "handlers/broken.py"
    broken.write_text("from core import on\n\n@on('counted', retris=3)\ndef broken(event): ...\n")
    words = "handlers.broken.broken: @on has no option 'retris'. Did you mean retries?"
    wait_until(lambda: words in house.log("house"), timeout=20, what="the error is printed")
    wait_until(lambda: "the old code keeps running" in house.log("house"), timeout=5, what="the consequence is printed")
    assert house.pid("web") == pid
    broken.write_text("from core import on\n\n@on('dropped.in')\ndef dropped(event): return event.data\n")
    wait_until(lambda: house.pid("web") not in (0, pid), timeout=30, what="web is started anew")
    house.ready()
    status, answer = house.request("POST", "/api/v1/events", {"type": "dropped.in", "data": {"a": 1}})
    assert (status, [run["task"] for run in answer["runs"]]) == (202, ["handlers.broken.dropped"])
    run = answer["runs"][0]["id"]
    wait_until(lambda: house.request("GET", f"/api/v1/runs/{run}")[1]["result"] == {"a": 1}, timeout=10, what="it runs")
