"""The sweeper: what it publishes, when it believes silence, and what it does without a broker."""

import os
import signal

import bench as benches
import pytest
from flask import Flask
from waiting import wait_until

from core import moments
from core.embedded import running
from core.errors import LedgerUnavailable
from core.ledger.acceptance import Request
from core.ledger.alive import gone
from core.ledger.keys import ASIDE
from core.ledger.store import Ledger
from core.sweeper import BATCH, IDLE_BATCHES, MOST_BATCHES, Sweeper


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


class Swept:
    """A sweeper whose broker is two lists: what was published, and how many hints wait in each queue."""

    def __init__(self, bench, ledger=None):
        self.hints, self.asked, self.depths = [], [], {}
        self.app = Flask("swept")
        self.sweeper = Sweeper(
            app=self.app, keys=bench.keys, ledger=ledger or bench.ledger, publish=self.hints.extend, depth=self.depth
        )

    def depth(self, queue):
        self.asked.append(queue)
        return self.depths[queue]

    def pass_(self, *moments_):
        """Sweep at each of the monotonic times; returns the runs that were published."""
        before = len(self.hints)
        for at in moments_:
            self.sweeper.sweep(at)
        return [hint.run for hint in self.hints[before:]]


def silent(bench):
    """Return a run whose worker has been silent for 16 s, to be looked at now."""
    run = bench.running()
    bench.beat("w1", ago=16)
    bench.past(run)
    return run


def test_what_is_due_is_published_with_its_queue_and_priority(bench):
    swept = Swept(bench)
    swept.depths = {"mail": 7}
    run, later = bench.one(delay=60_000, queue="mail", priority=9), bench.one(delay=60_000)
    bench.past(run)
    assert swept.pass_(0) == [run]
    [hint] = swept.hints
    assert (hint.queue, hint.priority, bench.state(run), bench.state(later)) == ("mail", 9, "pending", "scheduled")
    assert swept.pass_(2, 4) == []
    assert swept.asked == []


def test_a_sweeper_is_trusted_after_fifteen_seconds_without_a_gap(bench):
    swept, run = Swept(bench), silent(bench)
    for at in (0, 4, 8, 12, 14.9):
        assert swept.pass_(at) == []
        bench.past(run)
    assert swept.pass_(15) == [run]


def test_a_gap_starts_the_clock_again(bench):
    swept, run = Swept(bench), silent(bench)
    swept.pass_(0, 5, 10)
    for at in (15.1, 20, 25, 30):
        bench.past(run)
        assert swept.pass_(at) == []
    bench.past(run)
    assert swept.pass_(30.1) == [run]


def test_a_failed_pass_is_no_pass(bench, monkeypatch):
    swept, run = Swept(bench), silent(bench)
    swept.pass_(0, 5, 10)
    bench.client.rename(bench.keys.due, bench.keys.due + "x")
    bench.client.set(bench.keys.due, "no set")
    with pytest.raises(LedgerUnavailable):
        swept.pass_(13)
    bench.client.rename(bench.keys.due + "x", bench.keys.due)
    bench.past(run)
    assert swept.pass_(16) == []
    swept.pass_(20, 25, 30)
    bench.past(run)
    assert swept.pass_(31) == [run]


def test_a_worker_that_is_known_to_be_gone_needs_no_trust(bench):
    swept, run = Swept(bench), bench.running()
    bench.run(gone(bench.keys, "worker", "w1"))
    bench.past(run)
    heard = []

    def hear(_, **said):
        heard.append((said["run"], said["action"]))

    with moments.recovered.connected_to(hear, sender=swept.app):
        assert swept.pass_(0) == [run]
    assert heard == [(run, "lost")]


def test_a_restarted_or_frozen_server_looks_like_no_dead_worker(tmp_path):
    with running(tmp_path) as url:
        bench = benches.Bench(url)
        swept, run = Swept(bench, Ledger(url, patience=0.2)), silent(bench)
        swept.pass_(0, 5, 10)
        pid = bench.client.info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            for at in (12, 14):
                with pytest.raises(LedgerUnavailable):
                    swept.pass_(at)
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(bench.client.ping)
        assert swept.pass_(16) == []
        swept.pass_(20, 25, 30)
        assert bench.state(run) == "running"
    with running(tmp_path):
        bench.past(run)
        assert swept.pass_(31.5) == []
        swept.pass_(36, 41, 46)
        bench.past(run)
        assert swept.pass_(46.5) == [run]
        swept.sweeper.ledger.close()
        bench.ledger.close()


def test_a_pending_run_is_published_again_only_if_its_queue_is_empty(bench):
    swept = Swept(bench)
    swept.depths = {"empty": 0, "long": 100}
    runs = {queue: bench.one(queue=queue) for queue in swept.depths}
    for run in runs.values():
        bench.past(run)
    assert swept.pass_(0) == [runs["empty"]]
    assert bench.field(runs["long"], "hinted") is not None


def test_a_queue_whose_depth_is_unknown_is_taken_for_full(bench):
    swept = Swept(bench)
    heard = []

    def hear(_, **said):
        heard.append(said["what"])

    run = bench.one(queue="nowhere")
    bench.past(run)
    with moments.trouble.connected_to(hear, sender=swept.app):
        assert swept.pass_(0) == []
    assert heard == ["the depth of queue nowhere is not known"]
    assert bench.state(run) == "pending"


def test_one_pass_takes_more_than_a_batch_and_asks_each_queue_once(bench):
    swept = Swept(bench)
    swept.depths = {"q": 0, "r": 0}
    runs = [bench.one(queue="qr"[n % 2]) for n in range(2 * BATCH + 10)]
    bench.past(*runs)
    assert sorted(swept.pass_(0)) == sorted(runs)
    assert sorted(swept.asked) == ["q", "r"]
    assert swept.pass_(2) == []


def test_a_run_that_was_deleted_leaves_the_timer(bench):
    swept = Swept(bench)
    bench.client.zadd(bench.keys.due, {"0000.0": 0})
    assert swept.pass_(0) == []
    assert bench.client.zcard(bench.keys.due) == 0


def test_amplification_stays_low_under_a_long_backlog(bench):
    swept = Swept(bench)
    swept.depths = {"q": 500}
    runs = [bench.one() for _ in range(100)]
    for at in range(0, 60, 2):
        for run in runs:
            bench.past(run)
        swept.pass_(at)
    assert swept.hints == []


def pending(bench, count, queue="q"):
    """Return *count* runs that wait, all of them to be looked at by now."""
    wanted = [Request(task="t", queue=queue)] * 100
    runs = [run for _ in range(count // 100) for run, _ in bench.accept(requests=wanted).runs]
    bench.past(*runs, ms=60_000)
    return runs


def test_what_is_due_waits_for_no_looks_at_a_backlog(bench):
    swept = Swept(bench)
    swept.depths = {"q": 9}
    pending(bench, MOST_BATCHES * BATCH)
    retry, scheduled = bench.running(), bench.one(delay=60_000)
    bench.finish(retry, state="retrying", delay=60)
    bench.past(retry, scheduled)
    assert sorted(swept.pass_(0)) == sorted([retry, scheduled])


def test_a_long_queue_is_given_up_soon(bench):
    swept = Swept(bench)
    swept.depths = {"q": 5000}
    looked = lambda: sum(bench.field(run, "looks") is not None for run in runs)  # noqa: E731
    runs = pending(bench, 2000)
    assert (swept.pass_(0), looked()) == ([], IDLE_BATCHES * BATCH)
    assert (swept.pass_(1), looked()) == ([], 2 * IDLE_BATCHES * BATCH)


def test_what_was_lost_comes_back_in_one_pass_however_much_it_is(bench):
    swept = Swept(bench)
    swept.depths = {"q": 0}
    runs = pending(bench, 5 * IDLE_BATCHES * BATCH)
    assert sorted(swept.pass_(0)) == sorted(runs)


def test_what_was_overtaken_is_found_first_and_what_is_new_soon(bench):
    """A backlog between them, of a queue that is fed, hides neither."""
    swept = Swept(bench)
    swept.depths = {"q": 5000, "mail": 0}
    [overtaken, *_] = runs = pending(bench, 2000)
    bench.client.zadd(bench.keys.due, {overtaken: ASIDE + bench.now() - 120_000}, xx=True)
    bench.client.hset(bench.keys.run(overtaken), "hinted", bench.now() - 60_000)
    bench.client.hset(bench.keys.watermark, "q:5", bench.field(runs[1], "hinted"))
    new = bench.one(queue="mail")
    bench.past(new)
    assert swept.pass_(0) == [overtaken, new]


def test_checks_that_an_older_release_left_among_the_others_are_put_aside(bench):
    swept = Swept(bench)
    swept.depths = {"q": 0, "long": 9}
    lost, waits = bench.one(), bench.one(queue="long")
    bench.client.zadd(bench.keys.due, dict.fromkeys((lost, waits), bench.now() - 1), xx=True)
    assert swept.pass_(0) == [lost]
    assert min(bench.client.zmscore(bench.keys.due, [lost, waits])) > ASIDE


def test_a_long_pass_publishes_nothing_twice(bench, monkeypatch):
    """While it goes on, the time of what it published may come again, and the queue still counts as empty."""
    monkeypatch.setattr("core.sweeper.BATCH", 2)
    swept, runs = Swept(bench), [bench.one() for _ in range(6)]
    swept.depths = {"q": 0}
    for run in runs:
        bench.past(run)
    publish = swept.hints.extend

    def slowly(hints):
        publish(hints)
        wait_until(lambda: bench.now() > begun + 5, what="some ms have passed")
        for hint in hints:
            bench.past(hint.run)

    begun = bench.now()
    swept.sweeper.publish = slowly
    assert sorted(swept.pass_(0)) == sorted(runs)
