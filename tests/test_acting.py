"""What a person does to a run: cancel what waits, retry what ended without success or waits."""

import bench as benches
import pytest

from core.ledger.keys import STATES

WAITING = ("scheduled", "pending", "parked", "retrying")
AGAIN = ("scheduled", "retrying", "discarded", "dead", "cancelled", "expired")


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


@pytest.mark.parametrize("state", STATES)
def test_what_waits_can_be_cancelled(bench, state):
    run = bench.one()
    bench.put_into(run, state)
    acted = bench.cancel(run)
    assert (acted.verdict, acted.state) == (("OK", "cancelled") if state in WAITING else ("CONFLICT", state))
    assert bench.state(run) == ("cancelled" if state in WAITING else state)
    assert (bench.field(run, "finished") is not None) == (state in WAITING)


def test_a_cancelled_run_does_not_start_and_is_not_looked_at_again(bench):
    run = bench.one()
    assert bench.cancel(run).verdict == "OK"
    assert bench.claim(run).verdict == "SKIP"
    assert bench.client.zscore(bench.keys.due, run) is None


@pytest.mark.parametrize("state", STATES)
def test_what_ended_without_success_or_waits_can_be_retried(bench, state):
    run = bench.one(queue="mail", priority=7)
    bench.put_into(run, state)
    acted = bench.retry(run)
    if state not in AGAIN:
        assert (acted.verdict, acted.state, acted.hint) == ("CONFLICT", state, None)
        assert bench.state(run) == state
        return
    assert (acted.verdict, acted.hint.queue, acted.hint.priority) == ("OK", "mail", 7)
    assert 2 < bench.wait_of(run) <= 3
    assert bench.claim(run, "t2").verdict == "OK"


def test_a_retried_run_starts_anew(bench):
    run = bench.running()
    bench.finish(run, state="retrying", error="{}")
    bench.retry(run, "n0")
    bench.claim(run, "t2")
    bench.finish(run, "t2", "dead", error="{}")
    assert bench.retry(run).verdict == "OK"
    claimed = bench.claim(run, "t3")
    assert (claimed.attempt, claimed.failures) == (3, 0)
    assert bench.finish(run, "t3") == "OK"
    assert bench.state(run) == "succeeded"


def test_the_end_of_an_old_attempt_does_not_count_after_a_retry(bench):
    run = bench.running()
    bench.finish(run, state="dead", error="{}")
    bench.retry(run)
    assert bench.finish(run) == "LATE"
    assert bench.state(run) == "pending"


def test_a_retried_run_waits_for_its_new_hint_and_is_not_behind_its_time(bench):
    run = bench.one(delay=3_600_000)
    before = int(bench.field(run, "due"))
    bench.client.hset(bench.keys.run(run), mapping={"looks": 5, "hinted": 1, "held": 1, "charges": 2, "lost": 3})
    bench.retry(run)
    assert int(bench.field(run, "due")) < before
    assert int(bench.field(run, "hinted")) > bench.now() - 1000
    assert [bench.field(run, name) for name in ("looks", "held", "charges", "lost")] == [None] * 4


@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_a_request_that_is_sent_twice_counts_once(bench, act):
    run = bench.one(delay=60_000)
    first, again = getattr(bench, act)(run), getattr(bench, act)(run)
    assert first == again
    assert first.verdict == "OK"
    assert getattr(bench, act)(run, "n2").verdict == "CONFLICT"


def test_what_is_gone_stays_gone(bench):
    assert bench.cancel("none.0").verdict == bench.retry("none.0").verdict == "GONE"
    assert not bench.client.exists(bench.keys.run("none.0"))
