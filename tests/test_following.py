"""Following runs: each look tells what is new and what changed, once, and forgets what ended."""

import bench as benches
import pytest
from bench import event
from waiting import wait_until

from core.ledger import following
from core.ledger.acceptance import Request
from core.ledger.acting import retry
from core.ledger.following import Follower

ONE = [Request(task="t", queue="q")]


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


@pytest.fixture
def follower(bench):
    follower = Follower(bench.keys)
    bench.run(follower.begin())
    return follower


def add(bench, name, requests=ONE):
    return [run for run, _ in bench.accept(event(name), requests).runs]


def test_new_runs_are_told_once_in_order(bench, follower):
    runs = [run for n in range(3) for run in add(bench, f"e{n}", ONE * 2)]
    assert bench.run(follower.look()) == runs
    assert bench.run(follower.look()) == []
    [later] = add(bench, "later", [Request(task="t", queue="q", delay=60_000)])
    assert bench.run(follower.look()) == [later]


def test_each_step_is_told(bench, follower):
    [run] = add(bench, "e")
    bench.run(follower.look())
    bench.claim(run, "a")
    assert bench.run(follower.look()) == [run]
    bench.finish(run, "a", "retrying", delay=60)
    assert bench.run(follower.look()) == [run]
    assert bench.run(follower.look()) == []


def test_what_was_there_before_is_told_when_it_changes(bench):
    waiting, ended = add(bench, "e", ONE * 2)
    bench.claim(ended, "a")
    bench.finish(ended, "a", "dead")
    follower = Follower(bench.keys)
    bench.run(follower.begin())
    assert bench.run(follower.look()) == []
    bench.claim(waiting, "b")
    assert bench.run(follower.look()) == [waiting]
    bench.finish(waiting, "b", "succeeded")
    assert bench.run(follower.look()) == [waiting]


def test_a_run_that_had_ended_and_is_retried_is_told(bench):
    [run] = add(bench, "e")
    bench.claim(run, "a")
    bench.finish(run, "a", "dead")
    follower = Follower(bench.keys)
    bench.run(follower.begin())
    wait_until(lambda: bench.now() > follower._since, what="a millisecond is over")
    bench.run(retry(bench.keys, [run], "n"))
    assert bench.run(follower.look()) == [run]
    assert bench.run(follower.look()) == []


def test_a_run_that_was_born_and_ended_between_two_looks_is_told_once(bench, follower):
    [run] = add(bench, "e")
    bench.claim(run, "a")
    bench.finish(run, "a", "succeeded")
    assert bench.run(follower.look()) == [run]
    assert bench.run(follower.look()) == []


def test_many_come_in_pages(bench, follower, monkeypatch):
    monkeypatch.setattr(following, "PAGE", 7)
    runs = [run for n in range(10) for run in add(bench, f"e{n}", ONE * 3)]
    for run in runs[20:]:
        bench.claim(run, run)
    assert bench.run(follower.look()) == runs


def test_memory_is_bounded(bench, follower, monkeypatch):
    monkeypatch.setattr(following, "MOST", 5)
    add(bench, "e", ONE * 20)
    bench.run(follower.look())
    assert len(follower._known) == 5


def test_what_waits_for_its_time_hides_no_backlog(bench, monkeypatch):
    monkeypatch.setattr(following, "WATCHED", 2)
    add(bench, "later", [Request(task="t", queue="q", delay=60_000)] * 4)
    [run] = add(bench, "e")
    follower = Follower(bench.keys)
    bench.run(follower.begin())
    bench.claim(run, "a")
    assert bench.run(follower.look()) == [run]
    bench.finish(run, "a", "succeeded")
    assert bench.run(follower.look()) == [run]


def test_an_old_backlog_that_comes_into_view_is_no_news(bench, monkeypatch):
    monkeypatch.setattr(following, "WATCHED", 2)
    runs = add(bench, "e", ONE * 6)
    follower = Follower(bench.keys)
    bench.run(follower.begin())
    for run in runs[:4]:
        bench.claim(run, run)
        bench.finish(run, run, "succeeded")
    assert set(bench.run(follower.look())) <= set(runs[:4])
    assert bench.run(follower.look()) == []
