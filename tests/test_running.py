"""A run between acceptance and its end: every guard of claim, finish and release."""

import bench as benches
import pytest
from bench import OK_RESULT

from core.errors import LedgerUnavailable
from core.ledger.keys import STATES
from core.ledger.running import End, note


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


def test_claim_counts_the_attempt_and_gives_what_is_needed(bench):
    run = bench.one(task="handlers.mail")
    claimed = bench.claim(run)
    assert (claimed.verdict, claimed.attempt, claimed.failures, claimed.task) == ("OK", 1, 0, "handlers.mail")
    assert bench.keyring.open(claimed.record).data == {"n": 1}
    assert (bench.state(run), bench.field(run, "worker")) == ("running", "w1")
    assert 4 < bench.wait_of(run) <= 5


def test_claim_is_idempotent_for_its_token(bench):
    run = bench.one()
    first, again = bench.claim(run), bench.claim(run)
    assert first == again
    assert bench.field(run, "attempt") == "1"
    other = bench.claim(run, "t2", "w2")
    assert (other.verdict, other.state, bench.field(run, "worker")) == ("SKIP", "running", "w1")


@pytest.mark.parametrize("state", [state for state in STATES if state != "pending"])
def test_only_a_pending_run_starts(bench, state):
    run = bench.one()
    bench.put_into(run, state)
    claimed = bench.claim(run)
    assert (claimed.verdict, claimed.state, bench.state(run)) == ("SKIP", state, state)
    assert bench.field(run, "attempt") == "0"


def test_nothing_is_done_for_a_run_that_is_not_there(bench):
    assert bench.claim("0000.0").verdict == "GONE"
    assert bench.finish("0000.0") == "GONE"
    assert bench.release("0000.0") is None
    assert bench.recover("0000.0") == "gone"
    bench.run(note(bench.keys, "0000.0", "t1", "1/2", ["line"]))
    assert list(bench.client.scan_iter(f"{{{bench.keys.prefix}}}:*")) == []


def test_claim_keeps_the_newest_hint_of_its_lane(bench):
    older, newer = bench.one(), bench.one()
    bench.client.hset(bench.keys.run(older), "hinted", bench.now() - 60_000)
    for run in (newer, older):
        bench.claim(run, run)
    assert bench.client.hget(bench.keys.watermark, "q:5").decode() == bench.field(newer, "hinted")


def test_runs_claimed_together_are_claimed_each_by_itself(bench):
    first, second, taken, suspect = (bench.one(task=f"t{n}") for n in range(4))
    bench.claim(taken, "other", "w2")
    bench.client.hset(bench.keys.run(suspect), "suspect", 1)
    wanted = [(first, "a"), (taken, "b"), ("0000.0", "c"), (suspect, "d"), (second, "e"), (first, "a"), (first, "f")]
    found = bench.claim_all(*wanted, alone=False)
    assert [claimed.verdict for claimed in found] == ["OK", "SKIP", "GONE", "SUSPECT", "OK", "OK", "SKIP"]
    assert [claimed.task for claimed in found if claimed.verdict == "OK"] == ["t0", "t1", "t0"]
    assert (bench.field(first, "attempt"), bench.field(first, "token")) == ("1", "a")
    assert (bench.field(taken, "worker"), bench.state(suspect)) == ("w2", "pending")
    assert all(4 < bench.wait_of(run) <= 5 for run in (first, second))


def test_of_runs_claimed_together_each_lane_keeps_its_newest_hint(bench):
    lanes = {"a": [bench.one(queue="a") for _ in range(3)], "b": [bench.one(queue="b")]}
    for age, run in enumerate(run for runs in lanes.values() for run in runs):
        bench.client.hset(bench.keys.run(run), "hinted", bench.now() - [2, 1, 3, 9][age] * 1000)
    bench.claim_all(*((run, run) for runs in lanes.values() for run in runs))
    found = {lane.decode(): at.decode() for lane, at in bench.client.hgetall(bench.keys.watermark).items()}
    assert found == {"a:5": bench.field(lanes["a"][1], "hinted"), "b:5": bench.field(lanes["b"][0], "hinted")}


def test_runs_finished_together_are_finished_each_by_itself(bench):
    fine, again, over, held = (bench.running(token) for token in ("a", "b", "c", "d"))
    bench.release(held, "d")
    found = bench.finish_all(
        End(fine, "a", "succeeded", result=OK_RESULT),
        End(again, "b", "retrying", 30, '{"message":"no"}'),
        End(over, "stale", "dead", error="{}"),
        End("0000.0", "e", "succeeded"),
        End(over, "c", "dead", error="{}"),
        End(held, "d", "succeeded"),
        End(fine, "a", "dead", error="{}"),
        End(again, "b", "retrying", 30, "{}"),
    )
    assert found == ["OK", "OK", "LATE", "GONE", "OK", "OK", "OK", "OK"]
    assert [bench.state(run) for run in (fine, again, over, held)] == ["succeeded", "retrying", "dead", "succeeded"]
    assert bench.client.get(bench.keys.result(fine)).decode() == OK_RESULT
    assert [len(bench.attempts(run)) for run in (fine, again, over, held)] == [0, 1, 1, 0]
    assert (bench.field(again, "failures"), 29 < bench.wait_of(again) <= 30) == ("1", True)
    assert bench.client.zrange(bench.keys.due, 0, -1) == [again.encode()]


def test_what_is_odd_about_one_run_is_told_of_that_run(bench):
    fine, odd, other = (bench.one() for _ in range(3))
    client, key = bench.client, bench.keys.run(odd)

    def in_its_place(act):
        client.rename(key, "kept")
        client.set(key, "no hash")
        try:
            return act()
        finally:
            client.rename("kept", key)

    wanted = [(run, run) for run in (fine, odd, other)]
    found = in_its_place(lambda: bench.claim_all(*wanted))
    assert [claimed.verdict for claimed in found] == ["OK", "ERROR", "OK"]
    assert "WRONGTYPE" in found[1].state
    with pytest.raises(LedgerUnavailable, match="WRONGTYPE"):
        in_its_place(lambda: bench.claim(odd))
    assert [claimed.verdict for claimed in bench.claim_all(*wanted)] == ["OK", "OK", "OK"]
    ends = [End(run, run, "succeeded") for run in (fine, odd, other)]
    assert in_its_place(lambda: bench.finish_all(*ends)) == ["OK", "ERROR", "OK"]
    with pytest.raises(LedgerUnavailable, match="WRONGTYPE"):
        in_its_place(lambda: bench.finish(odd, odd))
    assert bench.finish_all(*ends) == ["OK", "OK", "OK"]
    assert [bench.state(run) for run in (fine, odd, other)] == ["succeeded"] * 3


@pytest.mark.parametrize("left", ["suspect", "charges", "lost"])
def test_an_end_clears_what_speaks_against_the_run(bench, left):
    run = bench.running()
    bench.client.hset(bench.keys.run(run), left, 1)
    bench.finish(run)
    assert bench.field(run, left) is None


@pytest.mark.parametrize("left", ["finished", "progress", "looks"])
def test_a_new_attempt_begins_with_nothing_of_the_last(bench, left):
    run = bench.one()
    bench.client.hset(bench.keys.run(run), left, 1)
    bench.claim(run)
    assert bench.field(run, left) is None


def test_finish_ends_a_run(bench):
    run = bench.running()
    assert bench.finish(run, result=OK_RESULT) == "OK"
    assert (bench.state(run), bench.client.get(bench.keys.result(run)).decode()) == ("succeeded", OK_RESULT)
    assert bench.client.zscore(bench.keys.due, run) is None
    assert bench.attempts(run) == []


@pytest.mark.parametrize("state", ["succeeded", "discarded", "dead", "retrying"])
def test_a_stale_token_changes_nothing(bench, state):
    run = bench.running("t2")
    assert bench.finish(run, "t1", state, error="{}", result="1") == "LATE"
    assert (bench.state(run), bench.attempts(run)) == ("running", [])


@pytest.mark.parametrize("state", ["succeeded", "discarded", "dead", "retrying"])
def test_the_same_finish_counts_once(bench, state):
    run = bench.running()
    for _ in range(3):
        assert bench.finish(run, state=state, error="{}", delay=60) == "OK"
    assert bench.state(run) == state
    assert len(bench.attempts(run)) == 1
    assert bench.field(run, "failures") == ("1" if state == "retrying" else None)


def test_a_repeated_finish_is_ok_even_when_the_run_went_on(bench):
    run = bench.running()
    bench.finish(run, state="retrying", error="{}")
    bench.past(run)
    assert bench.recover(run) == "hint"
    assert bench.finish(run, state="retrying", error="{}") == "OK"
    assert (bench.state(run), bench.field(run, "failures"), len(bench.attempts(run))) == ("pending", "1", 1)


def test_retrying_waits_and_is_claimable_through_the_sweeper_alone(bench):
    run = bench.running()
    bench.finish(run, state="retrying", delay=30, error='{"message":"no"}')
    assert 29 < bench.wait_of(run) <= 30
    assert bench.claim(run, "t2").verdict == "SKIP"
    assert bench.recover(run, trusted=True, drained=True) == "keep"
    bench.past(run)
    assert bench.recover(run) == "hint"
    claimed = bench.claim(run, "t2", "w2")
    assert (claimed.attempt, claimed.failures) == (2, 1)
    [[number, _, _, worker, outcome, error]] = bench.attempts(run)
    assert (number, worker, outcome, error) == ("1", "w1", "retrying", '{"message":"no"}')


def test_only_the_newest_attempts_are_kept(bench):
    run = bench.one()
    for n in range(30):
        bench.claim(run, f"t{n}")
        bench.finish(run, f"t{n}", "retrying", error="{}")
        bench.past(run)
        bench.recover(run)
    assert [entry[0] for entry in bench.attempts(run)] == [str(n) for n in range(6, 31)]


def test_release_is_uncounted_and_once(bench):
    run = bench.running()
    for _ in range(2):
        assert bench.release(run).queue == "q"
    assert (bench.state(run), bench.field(run, "attempt"), bench.field(run, "worker")) == ("pending", "0", None)
    assert 2 < bench.wait_of(run) <= 3
    assert bench.claim(run, "t2").attempt == 1


def test_what_is_given_back_goes_to_the_head_of_its_queue(bench):
    run = bench.running()
    hinted = bench.field(run, "hinted")
    assert bench.release(run).priority == 9
    assert bench.field(run, "hinted") == hinted


def test_release_with_a_delay_waits(bench):
    run = bench.running()
    for _ in range(2):
        assert bench.release(run, delay=60)
    assert (bench.state(run), bench.field(run, "attempt")) == ("retrying", "0")
    assert 59 < bench.wait_of(run) <= 60
    held = int(bench.field(run, "held")) - 60_000
    bench.client.hset(bench.keys.run(run), "held", held)
    for n in (2, 3):
        bench.past(run)
        bench.recover(run)
        claimed = bench.claim(run, f"t{n}")
        assert (claimed.attempt, claimed.held) == (1, held)
        bench.release(run, f"t{n}", delay=60)
    bench.past(run)
    bench.recover(run)
    bench.claim(run, "t4")
    bench.finish(run, "t4", "retrying", error="{}")
    assert bench.field(run, "held") is None


def test_only_the_holder_gives_back_and_only_what_has_not_ended(bench):
    run = bench.running("t2")
    assert bench.release(run, "t1") is None
    bench.finish(run, "t2", "retrying", delay=60, error="{}")
    assert bench.release(run, "t2") is None
    assert (bench.state(run), bench.field(run, "attempt")) == ("retrying", "1")
    done = bench.running()
    bench.finish(done)
    assert bench.release(done) is None
    assert bench.state(done) == "succeeded"


@pytest.mark.parametrize("outcome", ["succeeded", "discarded"])
@pytest.mark.parametrize("lost", [1, 4])
def test_a_late_end_counts_if_nobody_took_the_run_since(bench, outcome, lost):
    run = bench.one()
    for n in range(lost):
        bench.past(run)
        bench.recover(run, drained=True)
        assert bench.claim(run, f"t{n}", f"dead{n}").verdict == "OK"
        bench.past(run)
        bench.recover(run)
    assert bench.state(run) == ("pending" if lost == 1 else "retrying")
    assert bench.finish(run, f"t{lost - 1}", outcome, error="{}" if outcome == "discarded" else "") == "OK"
    assert bench.state(run) == outcome


@pytest.mark.parametrize("outcome", ["succeeded", "discarded"])
def test_a_late_end_after_a_release_counts_with_its_attempt(bench, outcome):
    run = bench.running()
    bench.release(run)
    assert bench.finish(run, state=outcome, error="{}" if outcome == "discarded" else "") == "OK"
    assert (bench.state(run), bench.field(run, "attempt")) == (outcome, "1")


@pytest.mark.parametrize("outcome", ["dead", "retrying"])
def test_a_late_failure_does_not_count(bench, outcome):
    run = bench.running()
    bench.release(run)
    assert bench.finish(run, state=outcome, error="{}") == "LATE"
    assert (bench.state(run), bench.field(run, "failures")) == ("pending", None)


def test_a_late_end_is_refused_once_somebody_took_the_run(bench):
    run = bench.running()
    bench.release(run)
    bench.claim(run, "t2", "w2")
    assert bench.finish(run, result="1") == "LATE"
    assert bench.finish(run, "t2", result="2") == "OK"
    assert bench.client.get(bench.keys.result(run)) == b"2"


def test_notes_are_the_holders_alone(bench):
    run = bench.running("t2")
    bench.run(note(bench.keys, run, "t1", "1/2", ["stale"]))
    assert (bench.field(run, "progress"), bench.client.llen(bench.keys.log(run))) == (None, 0)
    bench.run(note(bench.keys, run, "t2", "1/2", [f"line {n}" for n in range(250)]))
    assert bench.field(run, "progress") == "1/2"
    assert [bench.client.lindex(bench.keys.log(run), n) for n in (0, -1)] == [b"line 150", b"line 249"]
