"""The stage of a measurement: marks that many processes write, what they cost, and that all of them end."""

import multiprocessing
import os
import sys
import threading
import time

import pytest
from waiting import wait_until

from benchmarks.bench import cost, marks
from benchmarks.bench.environments import REPOSITORY
from benchmarks.bench.marks import tally
from benchmarks.bench.plays import draining, sending, waiting
from benchmarks.bench.stage import Stage, Unplayable
from benchmarks.bench.systems import Peer

CHILD = "import threading; threading.Event().wait(600)"
WORK = f"""
import subprocess, sys, threading
from benchmarks.bench.marks import ended, started
child = subprocess.Popen([sys.executable, "-c", "{CHILD}"], start_new_session=True)
started()
ended()
threading.Event().wait(0.2)
for _ in range(299):
    started()
    ended()
child.wait()
"""


class Own(Peer):
    """A system whose worker is a few lines of Python, in the environment of the tests."""

    def __init__(self, source: str = WORK) -> None:
        super().__init__("own", "", "bench_own")
        self.source = source

    def prepare(self, folder):
        (folder / "bench_own.py").write_text(
            "import os\n"
            "def fill(count): assert os.environ['REDIS_URL']\n"
            "def send(count): return {'rate': count}\n"
            "def fall(count): raise SystemExit('it fell')\n"
        )
        self.place = folder

    def environment(self):
        return {
            **os.environ,
            "PYTHONPATH": f"{self.place}{os.pathsep}{REPOSITORY}",
            "PATH": os.path.dirname(sys.executable),
        }

    def worker(self, number):
        return [sys.executable, "-c", self.source]


@pytest.fixture
def stage(tmp_path):
    """A function that sets a stage for a worker's source."""

    def make(source: str = WORK) -> Stage:
        system = Own(source)
        system.prepare(tmp_path)
        return Stage(tmp_path / "stage", system)

    return make


@pytest.mark.parametrize("play", [draining, waiting])
def test_a_cell_is_played_and_all_its_processes_end(stage, tmp_path, play):
    with stage() as opened:
        figures = play("fill", 300)(opened, 1.0)
        pids = [pid for process in opened.processes for pid in cost.descendants(process.pid)]
    assert figures["rate"] > 0
    assert set(figures) == {"rate", "own_us", "server_us", "pss_mb"}
    assert len(pids) >= 3  # the call that filled, the worker, its child
    wait_until(lambda: not any(map(alive, pids)), what="the end of the worker and its child")
    assert not (tmp_path / "stage").exists()


def test_a_clock_that_cannot_start_fails_its_cell(stage):
    with pytest.raises(Unplayable, match="before 2 processes were at work"), stage() as opened:
        draining("fill", 300, processes=2)(opened, 1.0)


def test_a_stage_that_failed_keeps_its_folder(stage, tmp_path):
    with pytest.raises(Unplayable, match="fall failed: it fell"), stage() as opened:
        opened.call("fall", 1)
    assert (tmp_path / "stage/call.log").read_text() == "it fell\n"


def test_a_function_is_called_in_a_process_of_its_own(stage):
    with stage() as opened:
        assert sending("send", 100)(opened, 0.5) == {"rate": 50}


@pytest.mark.parametrize(
    ("source", "why"),
    [("raise SystemExit('no such server')", "a process has ended: no such server"), (CHILD, "nothing moved for 1 s")],
)
def test_a_cell_fails_where_its_worker_does(stage, source, why):
    idle = 1.0 if "moved" in why else 30.0
    with stage(source) as opened:
        opened.workers()
        with pytest.raises(Unplayable, match=why):
            opened.until(lambda found: found.ends > 0, idle)


def test_what_is_sent_costs_this_process_and_the_server(stage, monkeypatch):
    with stage() as opened:
        monkeypatch.setenv("REDIS_URL", opened.environment["REDIS_URL"])
        found = cost.measured(10, lambda: None)
    assert found["rate"] > 0
    assert found["own_us"] >= 0
    assert found["server_us"] >= 0


def test_marks_of_all_processes_and_threads_add_up(tmp_path, monkeypatch):
    monkeypatch.setenv(marks.VARIABLE, str(tmp_path))
    monkeypatch.setattr(marks, "_own", {})
    assert tally(tmp_path).ends == 0
    before = time.monotonic()
    threads = [threading.Thread(target=mark, args=(200,)) for _ in range(4)]
    children = [multiprocessing.get_context("spawn").Process(target=mark, args=(100,)) for _ in range(2)]
    for one in (*threads, *children):
        one.start()
    for one in (*threads, *children):
        one.join()
    found = tally(tmp_path)
    assert (found.starts, found.ends, found.busy) == (1000, 1000, 3)
    assert before <= found.first_start <= found.first_end <= found.last_end <= time.monotonic()
    assert len(list(tmp_path.glob("*.marks"))) == 3


def test_lags_are_of_offers_that_count(tmp_path, monkeypatch):
    monkeypatch.setenv(marks.VARIABLE, str(tmp_path))
    monkeypatch.setattr(marks, "_own", {})
    marks.lagged(0.0)
    marks.lagged(time.monotonic() - 2)
    assert tally(tmp_path).starts == 2
    assert [round(lag) for lag in marks.lags(tmp_path)] == [2]


def test_a_process_costs_time_and_memory():
    if not os.path.exists("/proc/self/smaps_rollup"):
        pytest.skip("this system does not tell")
    resident, proportional = cost.memory_of([os.getpid()])
    assert resident >= proportional > 1
    assert cost.seconds_of([os.getpid()]) > 0
    assert cost.seconds_of([0x7FFFFFFF]) == 0
    assert cost.memory_of([0x7FFFFFFF]) == (0, 0)


def mark(times: int) -> None:
    for _ in range(times):
        marks.started()
        marks.ended()


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
