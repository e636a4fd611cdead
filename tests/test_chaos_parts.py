"""The parts of the chaos harness: proxy, fleet, plan of faults, and what it reads out of a ledger."""

import os
import signal
import sys
import uuid
from dataclasses import replace

import bench as benches
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from waiting import wait_until

from benchmarks.chaos import ledger
from benchmarks.chaos.criteria import kept
from benchmarks.chaos.faults import At, Each, plan
from benchmarks.chaos.fleet import Command, Fleet
from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.report import Row, markdown, merged
from benchmarks.chaos.scenarios import SCENARIOS, chosen
from benchmarks.chaos.servers import Server
from core.ledger.keys import Keys


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("chaos"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def proxy(server):
    proxy = Proxy(server.port).start()
    yield proxy
    proxy.stop()


def client(proxy, **options):
    return redis.Redis(port=proxy.port, retry=Retry(NoBackoff(), 0), socket_timeout=2, **options)


def test_a_road_that_is_fine_lets_all_through(server, proxy):
    with client(proxy) as near:
        near.set("seen", "x" * 300_000)
        assert near.get("seen") == b"x" * 300_000
    assert server.client.strlen("seen") == 300_000


def test_an_answer_is_cut_after_its_command_was_executed(server, proxy):
    key = uuid.uuid4().hex
    with client(proxy) as near:
        near.ping()
        proxy.road.cut = 1.0
        with pytest.raises(redis.ConnectionError):
            near.incr(key)
        assert server.client.get(key) == b"1"
        assert proxy.cuts == 1
        proxy.road.cut = 0.0
        assert near.incr(key) == 2


def test_a_share_of_the_answers_is_cut(server, proxy):
    key, failed = uuid.uuid4().hex, 0
    with client(proxy, protocol=2) as near:
        near.ping()
        proxy.road.cut = 0.2
        for _ in range(200):
            try:
                near.incr(key)
            except redis.ConnectionError:
                failed += 1
    assert 10 < failed < 90
    assert proxy.cuts >= failed
    executed = int(server.client.get(key)) - (200 - failed)
    assert failed / 2 < executed <= failed  # the rest were cut in the handshake, before they were sent


def test_a_black_hole_answers_nothing_and_closes_nothing(server, proxy):
    key = uuid.uuid4().hex
    with client(proxy) as near, client(proxy) as other:
        near.ping()
        proxy.road.black_hole = True
        for one in (near, other):
            with pytest.raises(redis.TimeoutError):
                one.incr(key)
        assert server.client.get(key) is None
        proxy.road.black_hole = False
        wait_until(lambda: server.client.get(key) == b"1", what="the command that was under way arrives")


def test_refused_reset_and_slow(server, proxy):
    with client(proxy, single_connection_client=True) as near:
        near.ping()
        proxy.road.refuse = True
        proxy.reset()
        with pytest.raises(redis.ConnectionError):
            wait_until(lambda: near.ping() and False, timeout=5)
        with pytest.raises(redis.ConnectionError):
            near.ping()
        proxy.road.refuse = False
        assert near.ping()
        proxy.road.latency = 3
        with pytest.raises(redis.TimeoutError):
            near.ping()


def test_a_killed_server_comes_back_with_its_data(server):
    server.client.set("kept", "1")
    server.kill()
    assert not server.answers()
    server.start()
    assert server.client.get("kept") == b"1"


def test_the_fleet_starts_again_what_ended_and_tells_our_kills_from_their_exits(tmp_path):
    spawn = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1, process_group=0).wait()"
    )
    commands = {
        "worker.1": Command((sys.executable, "-c", spawn), tmp_path, os.environ),
        "worker.2": Command((sys.executable, "-c", "raise SystemExit(3)"), tmp_path, os.environ),
    }
    fleet = Fleet(tmp_path, commands)
    fleet.start()

    def settled():  # not amid its vfork: a child stopped there keeps its parent unstoppable
        return [state(pid) for pid in fleet.pids("worker.1")] == ["S", "S"]

    try:
        wait_until(settled, what="parent and child")
        old = fleet.kill("worker.1")
        wait_until(lambda: not any(alive(pid) for pid in old), what="both are dead")
        wait_until(settled, what="parent and child again")
        assert not set(old) & set(fleet.pids("worker.1"))
        wait_until(lambda: fleet.exits, what="an exit")
        assert {(found.name, found.code) for found in fleet.exits} == {("worker.2", 3)}
        fleet.hold("worker.2")
        wait_until(lambda: fleet.names("worker") == ["worker.1", "worker.2"], what="the held one stands last")
        fleet.send("worker.1", signal.SIGSTOP)
        wait_until(lambda: state(fleet.pids("worker.1")[0]) == "T", what="it is frozen")
    finally:
        last = fleet.pids("worker.1")
        fleet.close()
    wait_until(lambda: not any(alive(pid) for pid in last), what="all are dead")


def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def alive(pid):
    return state(pid) not in ("", "Z", "X")


def test_the_same_seed_plans_the_same_faults():
    faults = (Each(2, ("kill_worker", "kill_web"), first=1), At(5, "kill_server"))
    steps = plan(faults, 20, 1)
    assert steps == plan(faults, 20, 1) != plan(faults, 20, 2)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert {step.action for step in steps} == {"kill_worker", "kill_web", "kill_server"}
    assert 8 <= len(steps) <= 14


def test_scenarios_are_found_by_name_and_by_group():
    assert [scenario.name for scenario in chosen(["C11", "C2"])] == ["C11a", "C11b", "C11c", "C2", "C2b"]
    assert "C28" not in [scenario.name for scenario in chosen([])]
    with pytest.raises(SystemExit, match="C99"):
        chosen(["C99"])


def test_every_scenario_asks_that_nothing_is_lost():
    for scenario in SCENARIOS.values():
        assert kept in scenario.criteria, scenario.name


def test_the_ledger_tells_what_is_stuck_half_or_ended_twice(server, monkeypatch):
    server.client.flushall()
    before = server.files()[-1].stat().st_size
    with benches.opened(f"redis://127.0.0.1:{server.port}/0") as bench:
        bench.keys = Keys("carillon")
        bench.accept(
            benches.event("e1", source="/api"), [benches.Request(task=t, queue="q") for t in ("first", "second")]
        )
        half = bench.accept(benches.event("e2", source="/api"), [benches.Request(task="first", queue="q")]).runs[0][0]
        assert bench.claim(half).verdict == "OK"
        bench.finish(half)

        def examined():
            return ledger.examine(server.client, ["e1", "e2", "e3"], ("first", "second"), server.files())

        found = examined()
        assert (len(found.stuck), len(found.half), found.unrecorded) == (2, 1, ["e3"])
        assert (found.broken, found.ended_twice, found.states["succeeded"]) == ([], [], 1)
        pending = bench.keys.state("pending")
        [run, _] = server.client.zrange(pending, 0, -1)
        server.client.zrem(pending, run)
        assert any("stands under []" in said for said in examined().broken)
        server.client.zadd(pending, {run: bench.field(run.decode(), "pos")})
        place = bench.field(half, "pos")
        server.client.zrem(bench.keys.state("succeeded"), half)
        server.client.zadd(bench.keys.state("succeeded"), {half: place})
        wait_until(lambda: server.files()[-1].stat().st_size > before, what="the server writes its file")
        wait_until(lambda: examined().ended_twice == [half], what="the second end is in the file")
    server.client.flushall()


def test_the_table_says_what_failed():
    row = Row(
        scenario="C2", title="kills", adapter="ours", offered=10, accepted=9, ambiguous=1, refused={"503": 2}, runs=18,
        lost=1, stuck=0, half=0, done_twice=0, begun_again=0, doubled=0, kills=3, interrupted=1,
        recovery=(1.0, 2.0, 3.0), wait=(0.1, 0.2, 0.3), answer=(0.01, 0.02, 0.03), drain=1.0, exits=0,
        hints_per_run=1.0, memory=(1, 2), complaints=["1 lost"],
    )  # fmt: skip
    newer = replace(row, lost=0, complaints=[])
    assert merged([row, replace(row, adapter="plain")], [newer]) == [newer, replace(row, adapter="plain")]
    facts = {"date": "", "cores": 2, "system": "", "python": "", "seed": 1, "scale": 1.0, "versions": {}}
    text = markdown(facts, [row])
    assert "| C2 | ours | 10 | 9 | 1 | 0 | 0 | 0 | 1.0 / 2.0 / 3.0 | 0.2 / 0.3 | 0.020 | FAIL: 1 lost |" in text
