"""The look that a sweeper takes at one run: what is lost comes back, what is merely waiting does not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import bench as benches
import pytest

from core.ledger.alive import gone
from core.ledger.running import recover
from core.ledger.store import Ledger


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


def test_a_living_worker_keeps_its_runs(bench):
    run = bench.running()
    bench.beat("w1", ago=14)
    bench.past(run)
    assert bench.recover(run, trusted=True, drained=True) == "keep"
    assert bench.state(run) == "running"
    assert 4 < bench.wait_of(run) <= 5


def test_silence_is_death_only_for_whom_is_trusted(bench):
    run = bench.running()
    bench.beat("w1", ago=16)
    bench.past(run)
    assert bench.recover(run, trusted=False, drained=True) == "keep"
    assert bench.state(run) == "running"
    bench.past(run)
    assert bench.recover(run, trusted=True) == "lost"
    assert (bench.state(run), bench.field(run, "attempt"), bench.field(run, "failures")) == ("pending", "1", None)
    assert [entry[4] for entry in bench.attempts(run)] == ["lost"]


def test_the_runs_of_a_worker_that_is_gone_come_back_at_once(bench):
    run = bench.running()
    bench.run(gone(bench.keys, "worker", "w1"))
    bench.past(run)
    assert bench.recover(run, trusted=False) == "lost"
    assert bench.claim(run, "t2").attempt == 2


def test_a_lost_run_comes_back_to_the_head_of_its_queue(bench):
    """And what waits behind it does not look overtaken: the watermark stays where it was."""
    run = bench.running()
    hinted = bench.field(run, "hinted")
    bench.run(gone(bench.keys, "worker", "w1"))
    bench.past(run)
    [(action, hint)] = bench.run(recover(bench.keys, {run: False}, trusted=False))
    assert (action, hint.priority) == ("lost", 9)
    assert bench.field(run, "hinted") == hinted


def test_losses_come_back_at_once_until_they_are_many(bench):
    run, waits = bench.one(), []
    for n in range(10):
        assert bench.claim(run, f"t{n}", "dead").verdict == "OK"
        bench.past(run)
        action = bench.recover(run)
        waits.append(round(bench.wait_of(run)))
        if n > 2:
            assert (action, bench.state(run)) == ("keep", "retrying")
            bench.past(run)
            assert bench.recover(run) == "hint"
    assert waits == [3, 3, 3, 30, 60, 120, 240, 480, 900, 900]
    assert bench.field(run, "failures") is None


@pytest.mark.parametrize("request_", [{"delay": 60_000}, {"at": 4_102_444_800_000}])
def test_a_scheduled_run_waits_for_the_sweeper(bench, request_):
    run = bench.one(**request_)
    assert bench.recover(run, trusted=True, drained=True) == "keep"
    assert bench.state(run) == "scheduled"
    bench.past(run)
    assert bench.recover(run) == "hint"
    assert bench.state(run) == "pending"


def test_a_backlog_is_not_published_again_and_looked_at_less_and_less(bench):
    run, waits = bench.one(), []
    for _ in range(11):
        bench.past(run)
        assert bench.recover(run, trusted=True) == "keep"
        waits.append(round(bench.wait_of(run)))
    assert waits == [3, 6, 12, 24, 48, 96, 192, 384, 768, 900, 900]


@pytest.mark.parametrize(("ahead", "action"), [(1_000, "keep"), (2_000, "keep"), (2_001, "hint")])
def test_a_hint_that_was_overtaken_is_published_again(bench, ahead, action):
    run = bench.one()
    bench.client.hset(bench.keys.watermark, "q:5", int(bench.field(run, "hinted")) + ahead)
    bench.past(run)
    assert bench.recover(run) == action


def test_other_lanes_do_not_overtake(bench):
    run = bench.one()
    bench.client.hset(bench.keys.watermark, mapping={"q:9": 2**50, "other:5": 2**50})
    bench.past(run)
    assert bench.recover(run) == "keep"


def test_a_pending_run_of_a_drained_queue_is_published_again(bench):
    run = bench.one()
    assert bench.recover(run, drained=True) == "keep"
    bench.past(run)
    before = bench.now()
    assert bench.recover(run, drained=True) == "hint"
    assert int(bench.field(run, "hinted")) >= before
    assert 2 < bench.wait_of(run) <= 3


def test_each_new_hint_is_missed_as_soon_as_the_first(bench):
    run = bench.one()
    for _ in range(5):
        bench.past(run)
        assert bench.recover(run) == "keep"
    bench.past(run)
    assert bench.recover(run, drained=True) == "hint"
    assert 2 < bench.wait_of(run) <= 3
    bench.past(run)
    assert bench.recover(run) == "keep"
    assert 2 < bench.wait_of(run) <= 3


def test_a_finished_run_leaves_the_timer(bench):
    run = bench.running()
    bench.finish(run)
    bench.client.zadd(bench.keys.due, {run: 0})
    assert bench.recover(run, trusted=True) == "gone"
    assert bench.state(run) == "succeeded"


def test_two_sweepers_at_once_do_each_thing_once(bench, server_url):
    runs = [bench.one(delay=60_000) for _ in range(50)] + [bench.running(f"t{n}", "dead") for n in range(50)]
    bench.run(gone(bench.keys, "worker", "dead"))
    for run in runs:
        bench.past(run)
    barrier = threading.Barrier(4)

    def sweep(_):
        ledger = Ledger(server_url)
        barrier.wait()
        try:
            found = ledger.run(benches.looked_for(bench.keys))
            return ledger.run(recover(bench.keys, dict.fromkeys(found, True), trusted=True))
        finally:
            ledger.close()

    with ThreadPoolExecutor(4) as pool:
        found = [hint.run for hints in pool.map(sweep, range(4)) for _, hint in hints]
    assert sorted(found) == sorted(runs)


def test_whether_a_queue_is_empty_is_asked_where_it_matters_and_nothing_is_done_before(bench):
    near, far, overtaken = bench.one(queue="near"), bench.one(queue="far"), bench.one(queue="overtaken")
    bench.client.hset(bench.keys.watermark, "overtaken:5", bench.now() + 60_000)
    for run in (near, far, overtaken):
        bench.past(run)
    score = bench.client.zscore(bench.keys.due, far)
    looked = dict.fromkeys((near, far, overtaken))
    found = bench.run(recover(bench.keys, looked, trusted=False, empty={"near": False}))
    assert [(action, hint.run, hint.queue) for action, hint in found] == [
        ("ask", far, "far"),
        ("hint", overtaken, "overtaken"),
    ]
    assert (bench.client.zscore(bench.keys.due, far), bench.field(far, "looks")) == (score, None)
    assert (bench.field(near, "looks"), 2 < bench.wait_of(near) <= 3) == ("1", True)
    [(action, hint)] = bench.run(recover(bench.keys, {far: None}, trusted=False, empty={"near": False, "far": True}))
    assert (action, hint.run) == ("hint", far)


def test_many_runs_are_looked_at_each_by_itself(bench):
    runs = [bench.one(queue=f"q{n % 2}") for n in range(120)]
    for run in runs:
        bench.past(run)
    found = bench.run(recover(bench.keys, dict.fromkeys(runs), trusted=False, empty={"q0": True, "q1": False}))
    assert [hint.run for _, hint in found] == runs[::2]
    assert {bench.field(run, "looks") for run in runs[1::2]} == {"1"}
