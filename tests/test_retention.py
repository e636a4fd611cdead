"""Retention: what has ended is forgotten in time, and soon where room is short; what has not ended never is."""

from datetime import timedelta

import bench as benches
import pytest
from bench import event
from flask import Flask

from core import retention
from core.causes import CALLS, Cause, fire
from core.clock import now
from core.embedded import running
from core.ledger.acceptance import Request, accept
from core.ledger.forgetting import forget, history, oldest
from core.ledger.running import note
from core.retention import Retention

LIMIT = 64 * 1024 * 1024
ENDS = ("succeeded", "discarded", "dead")


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


@pytest.fixture
def keeper(bench):
    return Retention(Flask("t"), bench.keys, bench.ledger, "w1", room=0, memory=2**40)


def ended(bench, state="succeeded", runs=1, **fields):
    """Accept an event with *runs* runs that all end in *state*."""
    accepted = bench.accept(event(**fields), [Request(task=f"t{n}", queue="q") for n in range(runs)])
    for run, _ in accepted.runs:
        bench.claim(run, run)
        bench.run(note(bench.keys, run, run, "1/2", ["line"]))
        bench.finish(run, run, state, error="{}" if state != "succeeded" else "", result='{"n":1}')
    return accepted.id


def events(bench):
    return {old.id for old in bench.run(oldest(bench.keys, "event", 0, 10_000))}


def names(bench):
    """Return what is left under the ledger's prefix, without marks and what is not of one cause."""
    left = {name.decode() for name in bench.client.scan_iter(f"{{{bench.keys.prefix}}}:*", count=1000)}
    return {
        name
        for name in left
        if name.split(":")[1] not in ("d", "i", "pos", "wm", "retention", "alive", "p", "minutes", "hours")
    }


def test_old_counters_are_forgotten(bench, keeper):
    minute = bench.now() // 60_000
    bench.client.hset(bench.keys.minutes, mapping={f"{minute - 1510}:dead": 1, f"{minute - 1490}:dead": 1})
    keeper.keep(0)
    assert bench.client.hkeys(bench.keys.minutes) == [f"{minute - 1490}:dead".encode()]


def test_what_ended_is_forgotten_without_a_trace(bench):
    bench.beat("w1")
    ids = [ended(bench, state, runs=3, subject="s") for state in ("succeeded", "discarded")]
    ids.append(bench.run(accept(bench.keys, bench.keyring, event(), [])).id)
    causes = bench.run(oldest(bench.keys, "event", 0, 10))
    assert [cause.id for cause in causes] == ids
    assert bench.run(forget(bench.keys, "event", causes, bench.now() + 1000, 0)) == 7
    assert names(bench) == set()
    assert bench.client.exists(bench.keys.mark(ids[0]))


def test_a_fire_and_a_call_are_forgotten_too(bench):
    call = Cause(kind="call", id="c", type="t", source=CALLS, time="2026-11-22T12:00:00Z")
    for cause in (fire("tidy", now()), call):
        [(run, _)] = bench.accept(cause).runs
        bench.claim(run)
        bench.finish(run)
        found = bench.run(oldest(bench.keys, cause.kind, 0, 10))
        assert bench.run(forget(bench.keys, cause.kind, found, bench.now() + 1000, 0)) == 1
    assert names(bench) == set()


@pytest.mark.parametrize("state", ["pending", "running", "retrying", "scheduled"])
def test_what_has_not_ended_is_never_forgotten(bench, state):
    later = 60_000 if state == "scheduled" else 0
    wanted = [Request(task="t", queue="q"), Request(task="u", queue="q", delay=later)]
    accepted = bench.accept(requests=wanted)
    (done, _), (open_, _) = accepted.runs
    bench.beat("w1")
    bench.claim(done)
    bench.finish(done)
    if state in ("running", "retrying"):
        bench.claim(open_, "t2")
    if state == "retrying":
        bench.finish(open_, "t2", "retrying", error="{}", delay=60)
    before = names(bench)
    found = bench.run(oldest(bench.keys, "event", 0, 10))
    assert bench.run(forget(bench.keys, "event", found, bench.now() + 10**9, bench.now() + 10**9)) == 0
    assert names(bench) == before


def test_what_failed_stays_longer_and_what_is_recent_stays(bench):
    dead, fine = ended(bench, "dead"), ended(bench)
    found = bench.run(oldest(bench.keys, "event", 0, 10))
    assert bench.run(forget(bench.keys, "event", found, bench.now() - 60_000, bench.now() - 60_000)) == 0
    assert bench.run(forget(bench.keys, "event", found, bench.now() + 1000, bench.now() - 60_000)) == 1
    assert events(bench) == {dead} != {fine}
    assert bench.run(forget(bench.keys, "event", found, 0, bench.now() + 1000)) == 1


def test_time_alone(bench, keeper, monkeypatch):
    kept = {ended(bench, "dead"), bench.accept().id}
    for _ in range(150):
        ended(bench)
    assert keeper.keep(0) == 0
    monkeypatch.setattr(retention, "KEPT", -1000)
    assert keeper.keep(1) == 0  # a walk that found nothing rests a minute
    assert keeper.keep(61) == 150
    assert events(bench) == kept


def test_one_worker_at_a_time(bench, keeper, monkeypatch):
    monkeypatch.setattr(retention, "KEPT", -1000)
    ended(bench)
    other = Retention(Flask("t"), bench.keys, bench.ledger, "w2", room=0, memory=2**40)
    bench.client.set(bench.keys.retention, "w1", px=60_000)
    assert other.keep(0) == 0
    assert keeper.keep(0) == 1


def test_the_room_of_the_history(tmp_path):
    """The history is weighed by samples; what is over its room is forgotten, the oldest first."""
    with running(tmp_path, LIMIT) as url, benches.opened(url) as bench:
        for _ in range(100):
            ended(bench)
        begun = bench.client.info("memory")["used_memory"]
        ids = [ended(bench) for _ in range(1500)]
        grown = bench.client.info("memory")["used_memory"] - begun
        runs, size = bench.run(history(bench.keys))
        assert runs == 1600
        assert 0.8 < size / 1600 * 1500 / grown < 1.2
        keeper = Retention(Flask("t"), bench.keys, bench.ledger, "w1", room=size // 2, memory=LIMIT)
        assert 750 <= keeper.keep(0) <= 950
        left = events(bench)
        assert left == set(ids[-len(left) :])
        assert keeper.keep(2) == 0


def test_a_server_that_gets_full_has_no_history(tmp_path):
    with running(tmp_path, 24 * 1024 * 1024) as url, benches.opened(url) as bench:
        kept = {ended(bench, "dead"), bench.accept().id}
        for _ in range(400):
            ended(bench)
        used = bench.client.info("memory")["used_memory"]
        bench.client.setbit("ballast", int(24 * 1024 * 1024 * 0.78 - used) * 8, 1)
        keeper = Retention(Flask("t"), bench.keys, bench.ledger, "w1", room=LIMIT, memory=0)
        assert sum(keeper.keep(at) for at in range(3)) == 400
        assert events(bench) == kept


def test_dead_runs_have_a_most(bench, keeper, monkeypatch):
    monkeypatch.setattr(retention, "MOST_FAILED", 20)
    monkeypatch.setattr(retention, "KEPT", -1000)
    ids = [ended(bench, "dead") for _ in range(30)]
    assert keeper.keep(0) == 10
    assert events(bench) == set(ids[10:])


def test_old_planned_times_are_let_go(bench, keeper):
    bench.client.zadd(bench.keys.schedules, {"tidy": 0})
    old, new = bench.now() - 31 * 86_400_000, bench.now()
    bench.client.zadd(bench.keys.fires("tidy"), {"old": old, "new": new})
    bench.client.zadd(bench.keys.alive, {"worker:old": old})
    keeper.keep(0)
    assert bench.client.zrange(bench.keys.fires("tidy"), 0, -1) == [b"new"]
    assert bench.client.zscore(bench.keys.alive, "worker:old") is None


def test_old_planned_times_go_a_few_schedules_at_a_time(bench, keeper, monkeypatch):
    monkeypatch.setattr(retention, "TRIMMED", 2)
    monkeypatch.setattr(retention, "WEIGH_EACH", 0.0)
    month_ago, here = (now() - timedelta(days=31)).timestamp() * 1000, now().timestamp() * 1000
    for name in ("a", "b", "c"):
        bench.client.zadd(bench.keys.schedules, {name: 0})
        bench.client.zadd(bench.keys.fires(name), {"old": month_ago, "new": here})

    def left():
        return {name: bench.client.zrange(bench.keys.fires(name), 0, -1) for name in ("a", "b", "c")}

    keeper.keep(1.0)
    assert left() == {"a": [b"new"], "b": [b"new"], "c": [b"old", b"new"]}
    keeper.keep(2.0)
    assert left() == {"a": [b"new"], "b": [b"new"], "c": [b"new"]}
    monkeypatch.setattr(retention, "MOST_FIRES", 1)
    bench.client.zadd(bench.keys.fires("a"), {"newer": here + 1})
    keeper.keep(3.0)
    assert left()["a"] == [b"newer"]
