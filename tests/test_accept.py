"""Acceptance: a cause and all its runs, or nothing; once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import bench as benches
import invariants
import pytest
from bench import event

from core.causes import Cause, Keyring, header
from core.errors import BacklogFull, IdempotencyMismatch, InvalidEvent, LedgerUnavailable
from core.ledger.acceptance import NOTHING, Outgoing, Request, Wanted, accept, accept_each, delayed, packs
from core.ledger.packing import Packing
from core.ledger.store import AsyncLedger, Ledger
from core.testing import server


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


def wanted(count):
    return [Request(task=f"t{n}", queue="q") for n in range(count)]


def names(bench):
    return sorted(name.decode() for name in bench.client.scan_iter(f"{{{bench.keys.prefix}}}:*", count=1000))


@pytest.mark.parametrize("count", [0, 1, 30])
def test_an_event_comes_with_all_its_runs(bench, count):
    cause = event("e1")
    accepted = bench.run(accept(bench.keys, bench.keyring, cause, wanted(count)))
    assert accepted.id == cause.ledger_id
    assert accepted.runs == [(f"{cause.ledger_id}.{n}", f"t{n}") for n in range(count)]
    assert bench.keyring.open(bench.client.get(bench.keys.record(accepted.id))) == cause
    assert [bench.state(run) for run, _ in accepted.runs] == ["pending"] * count
    assert bench.client.zcard(bench.keys.due) == count


@pytest.mark.parametrize("count", [0, 1, 30])
def test_the_same_again_is_a_duplicate_with_the_same_runs(bench, count):
    first = bench.run(accept(bench.keys, bench.keyring, event("e1"), wanted(count)))
    before = names(bench)
    later = event("e1", time="2027-01-01T00:00:00Z")
    again = bench.run(accept(bench.keys, bench.keyring, later, wanted(count + 1)))
    assert (again.id, again.runs, again.duplicate, first.duplicate) == (first.id, first.runs, True, False)
    assert names(bench) == before


@pytest.mark.parametrize("change", [{"data": {"n": 2}}, {"type": "order.packed"}, {"subject": "s"}, {"data": None}])
def test_the_same_id_with_other_content_is_refused(bench, change):
    bench.accept(event("e1"))
    before = names(bench)
    with pytest.raises(IdempotencyMismatch):
        bench.accept(event("e1", **change))
    assert names(bench) == before


def test_the_same_id_of_another_source_is_another_event(bench):
    ids = {bench.accept(event("e1", source=source)).id for source in ("/a", "/b")}
    assert len(ids) == 2


def test_no_event_takes_the_place_of_a_fire_or_call(bench):
    one = {"id": "tidy@2026-11-22T12:00:00Z", "type": "tidy", "source": "/schedules", "time": "2026-11-22T12:00:00Z"}
    assert len({Cause(kind=kind, **one).ledger_id for kind in ("event", "fire")}) == 2


def test_a_repeated_write_of_the_same_call_is_no_duplicate(bench):
    cause = event("e1")
    packed = Packing(bench.keys, bench.keyring)
    packed.add(Wanted(cause, wanted(2), "key"))
    script = packed.script()

    def send():
        return (yield [script, script])

    assert bench.run(send()) == [[b"OK", cause.ledger_id.encode()]] * 2
    assert bench.client.zcard(bench.keys.due) == 2


def lists(bench, **named):
    """Return hints for lists of the bench's own, and a function that reads them."""
    names = {f"{bench.keys.prefix}.{name}": hints for name, hints in named.items()}
    return Outgoing(names), lambda: [bench.client.lrange(name, 0, -1) for name in names]


def test_hints_come_with_what_they_are_about(bench):
    hints, written = lists(bench, q=["one", "two"], other=["three"], none=["é"])
    bench.accept(event("e1"), wanted(3), hints=hints)
    assert written() == [[b"two", b"one"], [b"three"], ["é".encode()]]


@pytest.mark.parametrize("count", [0, 2])
def test_hints_of_what_is_not_accepted_do_not_come(bench, count):
    for cause in (event("e1"), event("e2")):
        bench.accept(cause, wanted(count))
    hints, written = lists(bench, q=["one"])
    assert bench.accept(event("e1"), wanted(count), hints=hints).duplicate
    with pytest.raises(IdempotencyMismatch):
        bench.accept(event("e1", data=2), wanted(count), hints=hints)
    bench.one()
    with pytest.raises(BacklogFull):
        bench.accept(requests=wanted(count), hints=hints, limit=1)
    assert written() == [[]]


def test_the_same_call_sent_twice_has_its_hints_once(bench):
    hints, written = lists(bench, q=["one"])
    flow = accept(bench.keys, bench.keyring, event("e1"), wanted(1), hints=hints)
    command = next(flow)[0].command(whole=True)
    assert [answer[0] for answer in bench.ledger.cable.send([command] * 2)] == [b"OK", b"OK"]
    assert written() == [[b"one"]]


def test_a_queue_that_is_no_list_undoes_nothing(bench):
    hints, _ = lists(bench, q=["one"], other=["two"])
    bench.client.set(f"{bench.keys.prefix}.q", "not a list")
    accepted = bench.accept(requests=wanted(2), hints=hints)
    assert [bench.state(run) for run, _ in accepted.runs] == ["pending"] * 2
    assert bench.client.lrange(f"{bench.keys.prefix}.other", 0, -1) == [b"two"]


def test_flows_run_side_by_side_and_each_has_its_own_end(bench):
    bench.accept(event("e1"))
    hints, written = lists(bench, q=["one"])
    causes = [event("e1"), event("e1", data=2), event("e2"), event("e2"), event("e3", data={"n": float("nan")})]
    flows = [accept(bench.keys, bench.keyring, cause, wanted(1), hints=hints) for cause in causes]
    known, other, new, again, odd = bench.ledger.run_all(flows)
    assert (known.duplicate, new.duplicate, again.duplicate) == (True, False, True)
    assert known.runs == [(f"{known.id}.0", "t")]
    assert (type(other), type(odd)) == (IdempotencyMismatch, InvalidEvent)
    assert written() == [[b"one"]]
    assert bench.ledger.run_all([]) == []


def each(bench, causes, requests, limit=0, **hints):
    """Record *causes* by one script; returns what came of each, its type or whether it is a duplicate."""
    made = [Wanted(cause, requests, hints=hints.get(f"of{n}", NOTHING)) for n, cause in enumerate(causes)]
    found = bench.run(accept_each(bench.keys, bench.keyring, made, limit=limit))
    return [type(one) if isinstance(one, Exception) else one.duplicate for one in found]


def test_several_come_by_one_script_and_each_has_its_own_answer(bench):
    bench.accept(event("e1"))
    hints, written = lists(bench, q=["one", "two"])
    more, both = lists(bench, q=["three"], other=["four"])
    odd, late = event("e3", data={"n": float("nan")}), [Request(task="t0", queue="q", delay=60_000)]
    causes = [event("e1"), event("e1", data=2), event("e2"), odd, event("e4", source="/else")]
    bench.client.config_resetstat()
    found = each(bench, causes, wanted(2) + late, of0=hints, of1=hints, of2=hints, of4=more)
    assert found == [True, IdempotencyMismatch, False, InvalidEvent, False]
    assert bench.client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
    assert (written(), both()) == ([[b"three", b"two", b"one"]], [[b"three", b"two", b"one"], [b"four"]])
    states = [bench.state(f"{cause.ledger_id}.{n}") for cause in (causes[2], causes[4]) for n in range(3)]
    assert states == ["pending", "pending", "scheduled"] * 2
    runs = bench.client.zrange(bench.keys.queue("q"), 0, -1, withscores=True)
    places = [int(place) for run, place in runs if run.decode().rpartition(".")[0] != causes[0].ledger_id]
    assert places == list(range(places[0], places[0] + 6))
    assert each(bench, [event("e5"), *causes[:3]], wanted(2)) == [False, True, IdempotencyMismatch, True]


def test_a_backlog_that_is_full_in_the_midst_of_several(bench):
    causes = [event("e1"), event("e2"), event("e3"), event("e1")]
    assert each(bench, causes[:3], wanted(2), limit=3) == [False, False, BacklogFull]
    assert each(bench, causes[2:], wanted(0), limit=4) == [BacklogFull, True]
    assert each(bench, [event("e4"), event("e5")], wanted(1), limit=4) == [BacklogFull] * 2
    assert [bench.client.exists(bench.keys.record(cause.ledger_id)) for cause in causes] == [1, 1, 0, 1]


def test_a_record_that_cannot_be_read_stops_all_before_the_first_is_written(bench):
    odd = event("e2")
    bench.client.set(bench.keys.record(odd.ledger_id), "no record")
    before = names(bench)
    with pytest.raises(LedgerUnavailable):
        each(bench, [event("e1"), odd, event("e3")], wanted(2))
    assert names(bench) == before
    bench.client.delete(bench.keys.record(odd.ledger_id))


def test_records_without_marks_are_known_among_several(bench):
    bench.accept(event("e1"))
    bench.client.delete(bench.keys.mark(event("e1").ledger_id))
    assert each(bench, [event("e2"), event("e1"), event("e3")], wanted(1)) == [False, True, False]


def test_what_one_script_accepts_is_light_and_has_no_id_twice():
    def made(*idents, runs=1, size=1):
        return [Wanted(event(ident, data="x" * size), wanted(runs)) for ident in idents]

    def of(wanted):
        return [[one.cause.id for one in pack] for pack in packs(wanted)]

    assert of([]) == []
    assert of(made("a", "b", "a", "b", "c")) == [["a", "b"], ["a", "b", "c"]]
    assert [len(pack) for pack in of(made(*map(str, range(60))))] == [25, 25, 10]
    assert [len(pack) for pack in of(made(*map(str, range(5)), runs=100))] == [1] * 5
    assert [len(pack) for pack in of(made(*map(str, range(5)), size=180_000))] == [2, 2, 1]


def test_flows_side_by_side_take_one_round_trip(bench):
    def ask():
        return (yield [("ECHO", "x")])

    before = bench.client.info("stats")["total_reads_processed"]
    assert bench.ledger.run_all([ask() for _ in range(100)]) == [[b"x"]] * 100
    assert bench.client.info("stats")["total_reads_processed"] - before < 20  # in pieces, while the rest is made


def test_flows_whose_server_is_gone_or_full_all_hear_of_it():
    def ends(bench, ledger):
        causes = [event(data=float("nan")), event(), event()]
        flows = [accept(bench.keys, bench.keyring, cause, wanted(1)) for cause in causes]
        return [type(found) for found in ledger.run_all(flows)]

    with server() as url, benches.opened(url) as bench:
        assert ends(bench, Ledger("unix:///nowhere.sock")) == [LedgerUnavailable] * 3
        bench.client.config_set("maxmemory", 1)
        assert ends(bench, bench.ledger) == [InvalidEvent, *[BacklogFull] * 2]


def test_an_idempotency_key_answers_with_its_first_event(bench):
    first = bench.accept(event(), idempotency="POST /events k1")
    again = bench.accept(event(), idempotency="POST /events k1")
    assert (again.id, again.runs, again.duplicate) == (first.id, first.runs, True)
    with pytest.raises(IdempotencyMismatch):
        bench.accept(event(data={"n": 2}), idempotency="POST /events k1")
    assert not bench.accept(event(data={"n": 2}), idempotency="POST /events k2").duplicate
    assert bench.client.zcard(bench.keys.causes("event")) == 2


def test_an_idempotency_key_of_a_duplicate_is_kept_too(bench):
    bench.accept(event("e1"))
    assert bench.accept(event("e1"), idempotency="k").duplicate
    with pytest.raises(IdempotencyMismatch):
        bench.accept(event("e2", data={"n": 2}), idempotency="k")


def test_marks_live_a_day_and_outlive_their_record(bench):
    accepted = bench.accept(event("e1"), idempotency="k")
    bench.finish(*claimed(bench, accepted.runs[0][0]))
    marks = [name for name in names(bench) if ":d:" in name or ":i:" in name]
    assert len(marks) == 2
    assert all(86_390 < bench.client.ttl(mark) <= 86_400 for mark in marks)
    forget(bench, accepted)
    again = bench.accept(event("e1"))
    assert (again.id, again.runs, again.duplicate) == (accepted.id, [], True)
    with pytest.raises(IdempotencyMismatch):
        bench.accept(event("e1", data={"n": 2}))
    assert bench.accept(event(), idempotency="k").id == accepted.id
    assert bench.client.exists(bench.keys.record(accepted.id)) == 0


def test_a_record_outlives_its_marks(bench):
    accepted = bench.accept(event("e1"))
    bench.client.delete(bench.keys.mark(accepted.id))
    again = bench.accept(event("e1"))
    assert (again.runs, again.duplicate) == (accepted.runs, True)
    with pytest.raises(IdempotencyMismatch):
        bench.accept(event("e1", data={"n": 2}))


def claimed(bench, run):
    bench.claim(run)
    return run, "t1"


def forget(bench, accepted):
    """Delete an event and its runs, as a retention would."""
    record = header(bench.client.get(bench.keys.record(accepted.id)))
    indexes = [bench.keys.type(record["type"]), bench.keys.source(record["source"]), bench.keys.causes("event")]
    for index in indexes:
        bench.client.zrem(index, accepted.id)
    for run, task in accepted.runs:
        for index in (*bench.keys.states, bench.keys.task(task), bench.keys.queue("q"), bench.keys.due):
            bench.client.zrem(index, run)
        bench.client.delete(bench.keys.run(run))
    bench.client.delete(bench.keys.record(accepted.id))


def test_runs_wait_as_long_as_they_are_told(bench):
    soon = bench.one(delay=30_000)
    late = bench.one(at=bench.now() + 60_000)
    past = bench.one(at=bench.now() - 60_000)
    assert [bench.state(run) for run in (soon, late, past)] == ["scheduled"] * 3
    assert 29 < bench.wait_of(soon) <= 30
    assert 59 < bench.wait_of(late) <= 60
    assert bench.wait_of(past) < -59
    assert (bench.recover(past), bench.state(past)) == ("hint", "pending")
    assert all(request.waits for request in delayed(wanted(2), delay=1))
    assert not any(request.waits for request in delayed(wanted(2)))


def test_places_are_unique_and_grow(bench, server_url):
    def put(_):
        ledger = Ledger(server_url)
        accepted = [ledger.run(accept(bench.keys, bench.keyring, event(), wanted(n % 4))) for n in range(40)]
        ledger.close()
        return [[int(bench.field(run, "pos")) for run, _ in one.runs] for one in accepted]

    with ThreadPoolExecutor(4) as pool:
        threads = list(pool.map(put, range(4)))
    for places in threads:
        flat = [place for runs in places for place in runs]
        assert flat == sorted(flat)
    of_causes = [int(place) for _, place in bench.client.zrange(bench.keys.causes("event"), 0, -1, withscores=True)]
    assert len(set(of_causes)) == 160


def test_places_grow_even_if_the_clock_goes_back(bench):
    bench.client.set(bench.keys.position, (bench.now() + 60_000) * 1024)
    last = bench.accept(requests=wanted(3)).runs[-1][0]
    first = bench.accept(requests=wanted(1)).runs[0][0]
    assert int(bench.field(first, "pos")) == int(bench.field(last, "pos")) + 1


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "s" * 5000},
        {"extensions": {"dataschema": "é" * 2000}},
        {"data": {"n": float("nan")}},
        {"data": {"text": "\ud800"}},
        {"data": {"n": 10**5000}},
        {"data": {"n": {1, 2}}},
    ],
)
def test_what_cannot_be_read_back_is_refused(bench, fields):
    with pytest.raises(InvalidEvent, match="cannot be recorded"):
        bench.accept(event(**fields))
    assert names(bench) == []


def test_the_longest_envelope_that_is_taken_can_be_read(bench):
    size = 3000
    while True:
        try:
            accepted = bench.accept(event(f"e{size}", subject="é" * (size // 2)))
        except InvalidEvent:
            break
        size += 2
    again = bench.accept(event(f"e{size - 2}", subject="é" * ((size - 2) // 2)))
    assert (again.duplicate, again.runs) == (True, accepted.runs)


def test_forgotten_scripts_are_sent_again(bench):
    bench.client.script_flush()
    run = bench.one()
    for step in (bench.claim, bench.release, bench.claim, bench.finish):
        bench.client.script_flush()
        assert step(run)
    assert bench.state(run) == "succeeded"


def test_the_disk_is_waited_for_after_a_script_that_was_forgotten(bench):
    bench.client.script_flush()
    bench.client.config_resetstat()
    assert bench.accept(synced=True).runs
    assert bench.client.info("commandstats")["cmdstat_waitaof"]["calls"] == 2


def test_the_async_ledger_does_the_same(bench, server_url):
    async def here(awaitable):
        return await awaitable

    async def story():
        ledger = AsyncLedger(server_url, here)
        bench.client.script_flush()
        flows = [accept(bench.keys, bench.keyring, event("e1"), wanted(3)) for _ in range(20)]
        found = await asyncio.gather(*(ledger.run(flow) for flow in flows))
        with pytest.raises(IdempotencyMismatch):
            await ledger.run(accept(bench.keys, bench.keyring, event("e1", data=1), wanted(3)))
        await ledger.close()
        return found

    found = asyncio.run(story())
    assert sorted(one.duplicate for one in found) == [False] + [True] * 19
    assert len({str(one.runs) for one in found}) == 1


def test_a_full_server_refuses_new_work_and_finishes_the_old():
    with server() as url, benches.opened(url) as bench:
        run, held, waits = bench.running(), bench.one(), bench.one()
        bench.past(waits)
        before = names(bench), bench.client.get(bench.keys.position)
        bench.client.config_set("maxmemory", 1)
        hints, written = lists(bench, q=["one"])
        for options in ({}, {"idempotency": "k"}, {"hints": hints}):
            with pytest.raises(BacklogFull):
                bench.accept(requests=wanted(5), **options)
        assert written() == [[]]
        assert (names(bench), bench.client.get(bench.keys.position)) == before
        bench.client.script_flush()
        assert bench.finish(run, state="retrying", error='{"message":"no"}') == "OK"
        assert bench.claim(held).verdict == "OK"
        assert bench.release(held)
        assert bench.recover(waits, drained=True) == "hint"
        bench.beat("w1")
        assert bench.claim(held, "t2").verdict == "OK"
        assert bench.finish(held, "t2", result='"' + "x" * 16_000 + '"') == "OK"
        bench.client.config_set("maxmemory", 0)
        invariants.hold(bench.client, bench.keys)


def test_records_open_with_any_of_our_keys_and_no_other(bench):
    sealed = Keyring(("old",)).seal(event("e1"), runs=1, nonce="n")
    assert Keyring(("new", "old")).open(sealed).id == "e1"
