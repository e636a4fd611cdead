"""Which processes of this machine are known to be dead, and who speaks for the living."""

import os
import subprocess
import sys

import bench as benches
import pytest
from waiting import wait_until

from core import kin
from core.kin import dead_kin, is_dead, own_mark
from core.ledger.alive import alive, beat, gone
from core.worker import bury_kin

SAY_MARK = "from core.kin import own_mark; print(own_mark(), flush=True); input()"

pytestmark = pytest.mark.skipif(not own_mark(), reason="this system does not tell when a process began")


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


@pytest.fixture
def child():
    """A process of ours; gives it and its mark."""
    words = [sys.executable, "-c", SAY_MARK]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_the_living_are_not_dead(child):
    assert not is_dead(own_mark())
    assert not is_dead(child[1])


def test_a_killed_process_is_dead_even_before_anyone_waits_for_it(child):
    process, mark = child
    process.kill()
    wait_until(lambda: is_dead(mark))
    assert process.returncode is None
    process.wait()
    assert is_dead(mark)


def test_a_pid_that_was_given_to_another_process_is_not_taken_for_it():
    machine, _, process = own_mark().partition(" ")
    pid, _, began = process.partition("/")
    assert is_dead(f"{machine} {pid}/{int(began) - 1}")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_processes_elsewhere_are_not_judged(place):
    machine, _, process = own_mark().partition(" ")
    parts = machine.split("/")
    parts[place] += "0"
    assert not is_dead(f"{'/'.join(parts)} {process}0")


@pytest.mark.parametrize("mark", ["", " ", "x", "x 1/1", "/ 1/1"])
def test_odd_marks_are_not_judged(mark):
    assert not is_dead(mark)
    assert not is_dead(f"{own_mark().partition(' ')[0]} {mark}")


def test_where_the_system_does_not_tell_nobody_is_judged(monkeypatch):
    mark = own_mark()
    monkeypatch.setattr(kin, "_machine", lambda: "")
    assert own_mark() == ""
    assert not is_dead(f"{mark}0")
    assert not is_dead(" 1/1")


def test_dead_kin_are_buried_and_their_runs_come_back_at_once(bench, child):
    process, mark = child
    bench.run(beat(bench.keys, "worker", "other", {"mark": mark}))
    bench.run(beat(bench.keys, "beat", "here", {"mark": own_mark()}))
    bench.run(beat(bench.keys, "worker", "abroad", {"mark": f"elsewhere {mark}"}))
    bench.run(beat(bench.keys, "sweeper", "plain", {}))
    run = bench.one()
    bench.claim(run, "t1", "other")
    assert bench.run(dead_kin(bench.keys)) == []
    process.kill()
    wait_until(lambda: is_dead(mark))
    assert bench.run(dead_kin(bench.keys)) == [("worker", "other")]
    bury_kin(bench.ledger, bench.keys)
    assert sorted(one.id for one in bench.run(alive(bench.keys))) == ["abroad", "here", "plain"]
    assert (bench.recover(run, trusted=False), bench.state(run)) == ("lost", "pending")


def test_who_is_alive_is_told_with_the_age_of_the_heartbeat(bench):
    bench.run(beat(bench.keys, "worker", "new", {"pid": os.getpid()}))
    bench.beat("old", ago=30)
    bench.beat("silent", ago=61)
    [new, old] = bench.run(alive(bench.keys))
    assert (new.role, new.id, new.info, new.age < 2000) == ("worker", "new", {"pid": os.getpid()}, True)
    assert (old.id, 29_000 < old.age < 32_000) == ("old", True)
    bench.run(gone(bench.keys, "worker", "new"))
    assert [one.id for one in bench.run(alive(bench.keys))] == ["old"]
    assert bench.client.exists(bench.keys.process("worker:new")) == 0
