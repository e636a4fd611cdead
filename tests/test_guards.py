"""What some guard of some script is for, and no other test needs: the mutants without it die here."""

from datetime import UTC, datetime

import bench as benches
import pytest
from bench import event

from core.errors import IdempotencyMismatch
from core.ledger.acceptance import Request, accept
from core.ledger.alive import alive, beat
from core.ledger.forgetting import forget, oldest
from core.ledger.orders import leave
from core.ledger.running import note, release

PLANNED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


def keyed(bench):
    """Return the names of the idempotency keys that are kept."""
    return list(bench.client.scan_iter(f"{{{bench.keys.prefix}}}:i:*", count=1000))


class TestAcceptance:
    def test_no_idempotency_key_is_kept_where_there_is_none(self, bench):
        for _ in range(2):
            bench.accept(event("e1"))
        assert keyed(bench) == []

    def test_the_idempotency_key_of_a_conflict_is_not_kept(self, bench):
        bench.accept(event("e1"))
        with pytest.raises(IdempotencyMismatch):
            bench.accept(event("e1", data={"n": 2}), idempotency="k")
        assert keyed(bench) == []

    def test_places_tell_the_time(self, bench):
        before = bench.now()
        run = bench.one()
        assert before <= int(bench.field(run, "pos")) // 1024 <= bench.now()

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_places_follow_each_other_without_a_gap(self, bench, count):
        ahead = (bench.now() + 60_000) * 1024
        bench.client.set(bench.keys.position, ahead)
        bench.run(accept(bench.keys, bench.keyring, event("e1"), [Request(task="t", queue="q")] * count))
        assert int(bench.client.get(bench.keys.position)) == ahead + max(count, 1)


class TestClaim:
    def test_a_token_that_gave_its_run_back_may_take_it_again(self, bench):
        run = bench.running()
        bench.release(run)
        assert bench.claim(run).attempt == 1
        assert bench.state(run) == "running"

    @pytest.mark.parametrize("state", ["succeeded", "retrying"])
    def test_a_token_whose_attempt_has_ended_starts_nothing(self, bench, state):
        run = bench.running()
        bench.finish(run, state=state, delay=60)
        claimed = bench.claim(run)
        assert (claimed.verdict, claimed.state) == ("SKIP", state)

    def test_a_run_without_its_cause_does_not_start(self, bench):
        accepted = bench.accept()
        [(run, _)] = accepted.runs
        record = bench.client.getdel(bench.keys.record(accepted.id))
        assert bench.claim(run).verdict == "GONE"
        assert (bench.state(run), bench.field(run, "attempt")) == ("pending", "0")
        bench.client.set(bench.keys.record(accepted.id), record)

    def test_a_new_attempt_shows_no_progress_of_the_old_one(self, bench):
        run = bench.running()
        bench.run(note(bench.keys, run, "t1", "1/2", []))
        bench.release(run)
        bench.claim(run, "t2")
        assert bench.field(run, "progress") is None


class TestNote:
    def test_progress_and_lines_are_kept_apart(self, bench):
        run = bench.running()
        bench.run(note(bench.keys, run, "t1", "1/2", []))
        assert bench.client.exists(bench.keys.log(run)) == 0
        bench.run(note(bench.keys, run, "t1", "", ["a line"]))
        assert (bench.field(run, "progress"), bench.client.llen(bench.keys.log(run))) == ("1/2", 1)


class TestFinish:
    @pytest.mark.parametrize("state", ["succeeded", "discarded", "dead", "retrying"])
    def test_what_is_not_said_is_not_kept(self, bench, state):
        run = bench.running()
        bench.finish(run, state=state)
        assert bench.client.exists(bench.keys.result(run), bench.keys.attempts(run)) == 0

    def test_the_attempt_that_ended_late_begins_no_second_time(self, bench):
        run = bench.running()
        began = bench.field(run, "started")
        bench.client.hset(bench.keys.run(run), "started", int(began) - 5000)
        bench.finish(run, state="dead", error="{}")
        [[number, started, *_]] = bench.attempts(run)
        assert (number, int(started)) == ("1", int(began) - 5000)

    def test_what_was_ended_by_somebody_else_stays_as_it_is(self, bench):
        run = bench.running()
        cancelled(bench, run)
        assert bench.finish(run, result="1") == "OK"
        assert (bench.state(run), bench.client.exists(bench.keys.result(run))) == ("cancelled", 0)


class TestRelease:
    def test_what_was_ended_by_somebody_else_is_not_given_back(self, bench):
        run = bench.running()
        cancelled(bench, run)
        assert bench.release(run) is None
        assert bench.state(run) == "cancelled"

    def test_what_is_gone_is_said_to_be_gone(self, bench):
        [script] = next(release(bench.keys, "0000.0", "t1"))
        assert bench.run(flow_of(script)) == [b"GONE"]


def cancelled(bench, run):
    """End a run that is running by hand, its token kept."""
    bench.client.hset(bench.keys.run(run), "state", "cancelled")
    bench.client.zrem(bench.keys.state("running"), run)
    bench.client.zrem(bench.keys.due, run)
    bench.client.zadd(bench.keys.state("cancelled"), {run: int(bench.field(run, "pos"))})


def flow_of(script):
    [answer] = yield [script]
    return answer


class TestCharge:
    def test_what_has_ended_is_not_charged(self, bench):
        run = bench.running()
        bench.finish(run)
        assert bench.charge(run) == ("LATE", None)
        assert (bench.state(run), bench.field(run, "charges"), bench.attempts(run)) == ("succeeded", None, [])


class TestRecover:
    def test_a_new_hint_is_as_old_as_its_publication(self, bench):
        run = bench.running()
        bench.client.hset(bench.keys.run(run), "hinted", 5)
        bench.finish(run, state="retrying", delay=0)
        bench.past(run)
        before = bench.now()
        assert bench.recover(run) == "hint"
        assert int(bench.field(run, "hinted")) >= before

    def test_a_new_hint_is_given_its_time(self, bench):
        run = bench.running()
        bench.client.hset(bench.keys.run(run), "looks", 7)
        bench.finish(run, state="retrying", delay=0)
        bench.past(run)
        bench.recover(run)
        bench.past(run)
        assert bench.recover(run) == "keep"
        assert 2 < bench.wait_of(run) <= 3

    def test_a_hint_that_was_published_again_is_a_new_one(self, bench):
        run = bench.one()
        bench.client.hincrby(bench.keys.run(run), "hinted", -60_000)
        bench.past(run)
        before = bench.now()
        assert bench.recover(run, drained=True) == "hint"
        assert int(bench.field(run, "hinted")) >= before

    def test_a_second_sweeper_does_not_look_before_the_time(self, bench):
        run = bench.one()
        before = bench.wait_of(run)
        assert bench.recover(run, drained=True, trusted=True) == "keep"
        assert bench.wait_of(run) <= before
        assert bench.field(run, "looks") is None


class TestForget:
    def test_a_cause_is_forgotten_even_if_a_run_of_it_is_gone(self, bench):
        accepted = bench.accept(requests=[Request(task="t", queue="q")] * 2)
        for run, _ in accepted.runs:
            bench.claim(run)
            bench.finish(run)
        lost = accepted.runs[0][0]
        bench.client.delete(bench.keys.run(lost))
        bench.client.zrem(bench.keys.state("succeeded"), lost)
        by = bench.now() + 1
        assert bench.run(forget(bench.keys, "event", bench.run(oldest(bench.keys, "event", 0, 9)), by, by)) == 2
        assert bench.client.exists(bench.keys.record(accepted.id)) == 0
        for index in (bench.keys.task("t"), bench.keys.queue("q")):
            bench.client.zrem(index, lost)  # no one knows any more which lists it stood in


class TestBeat:
    def test_what_a_process_says_of_itself_is_heard(self, bench):
        bench.beat("w1")
        [process] = bench.run(alive(bench.keys))
        assert (process.role, process.id, process.info) == ("worker", "w1", {})
        assert 0 <= process.age < 5000
        assert 59_000 < bench.client.pttl(bench.keys.process("worker:w1")) <= 60_000


class TestOrder:
    def test_what_a_process_is_told_is_there_for_a_minute(self, bench):
        bench.beat("w1")
        bench.run(leave(bench.keys, bench.run(alive(bench.keys)), "quiet"))
        assert bench.run(beat(bench.keys, "worker", "w1", {})) == "quiet"
        assert 59_000 < bench.client.pttl(bench.keys.order("worker:w1")) <= 60_000
