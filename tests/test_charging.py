"""Suspects and charges: a dead worker charges nobody, a run's own process charges the run."""

import json

import bench as benches
import pytest

from core.ledger.running import run_facts


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


def lost(bench):
    """Return a run that was going on when its worker died."""
    run = bench.one()
    assert bench.claim(run, "t1", "dead").verdict == "OK"
    bench.past(run)
    assert bench.recover(run) == "lost"
    return run


def test_a_suspect_starts_only_alone(bench):
    run = lost(bench)
    found = bench.claim(run, "t2", alone=False)
    assert (found.verdict, found.state, bench.state(run)) == ("SUSPECT", "pending", "pending")
    assert bench.claim(run, "t3", alone=True).verdict == "OK"


def test_a_run_that_lost_nobody_starts_among_others(bench):
    assert bench.claim(bench.one(), alone=False).verdict == "OK"


@pytest.mark.parametrize("state", ["succeeded", "retrying", "discarded"])
def test_an_attempt_that_ends_clears_a_suspect(bench, state):
    run = lost(bench)
    bench.claim(run, "t2")
    bench.charge(run)
    bench.claim(run, "t3")
    assert bench.finish(run, "t3", state) == "OK"
    assert [bench.field(run, name) for name in ("suspect", "charges", "lost")] == [None] * 3


def test_three_charges_end_a_run(bench):
    run = bench.running()
    state, hint = bench.charge(run)
    assert (state, hint.run, hint.queue) == ("pending", run, "q")
    assert hint.priority == 9
    assert bench.claim(run, "t2", alone=False).verdict == "SUSPECT"
    bench.claim(run, "t2")
    assert bench.charge(run) == ("retrying", None)
    assert 29 < bench.wait_of(run) <= 30
    assert int(bench.field(run, "due")) > bench.now() + 29_000
    bench.past(run)
    assert bench.recover(run) == "hint"
    bench.claim(run, "t3")
    assert bench.charge(run) == ("dead", None)
    assert bench.state(run) == "dead"
    assert bench.field(run, "finished")
    assert [(a[0], a[3], a[4], json.loads(a[5])) for a in bench.attempts(run)] == [
        ("1", "w1", "crashed", {"n": 1}),
        ("2", "w1", "crashed", {"n": 1}),
        ("3", "w1", "crashed", {"reason": "crash_loop"}),
    ]
    assert bench.field(run, "failures") is None


def test_only_the_holder_is_charged(bench):
    run = bench.running(worker="w1")
    assert bench.charge(run, "w2") == ("LATE", None)
    assert bench.charge(run, "w1", token="other") == ("LATE", None)
    assert bench.charge("none.0") == ("GONE", None)
    assert bench.state(run) == "running"
    assert bench.charge(run, "w1", token="t1")[0] == "pending"
    assert bench.charge(run, "w1") == ("LATE", None)
    assert not bench.client.exists(bench.keys.run("none.0"))


def test_nobody_ends_a_run_that_was_charged(bench):
    run = bench.running()
    bench.charge(run)
    assert bench.finish(run) == "LATE"
    assert bench.field(run, "worker") is None


@pytest.mark.parametrize("how", ["finish", "charge"])
def test_a_death_is_told_in_the_same_step(bench, how):
    run, (told, teller) = bench.running(), bench.news()
    for token in ("t2", "t3"):
        if how == "charge":
            bench.charge(run, told=told)
            if bench.state(run) == "retrying":
                bench.past(run)
                bench.recover(run)
            assert bench.state(teller) == "gone"
            bench.claim(run, token)
    if how == "charge":
        bench.charge(run, told=told)
    else:
        assert bench.finish(run, state="retrying", error="{}", told=told) == "OK"
        assert bench.state(teller) == "gone"
        bench.retry(run)
        bench.claim(run, "t9")
        assert bench.finish(run, "t9", "dead", error="{}", told=told) == "OK"
    assert (bench.state(run), bench.state(teller)) == ("dead", "pending")


def test_the_facts_of_a_run(bench):
    run = bench.running()
    bench.charge(run)
    facts = bench.run(run_facts(bench.keys, run))
    assert (facts.task, facts.attempt, facts.state, facts.charges) == ("t", 1, "pending", 1)
    assert facts.cause.type == "order.placed"
    assert bench.run(run_facts(bench.keys, "none.0")) is None


def test_what_waits_for_a_gate_is_left_alone(bench):
    run = bench.one()
    bench.put_into(run, "parked")
    bench.past(run)
    assert bench.recover(run, trusted=True, drained=True) == "keep"
    assert bench.wait_of(run) > 899
