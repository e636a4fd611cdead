"""Back-pressure: nothing is accepted for which there is no room, and everything again when there is."""

import bench as benches
import pytest
from bench import event

from core import emit
from core.embedded import running
from core.errors import BacklogFull, DurabilityUnmet, LedgerNewer, ServerRefused
from core.house import house
from core.ledger.acceptance import Request, accept
from core.ledger.admission import Admission
from core.ledger.boot import prepare
from core.ledger.format import FORMAT, settle
from core.testing import API_TOKEN

MEMORY = 24 * 1024 * 1024
SOURCE = """
from core import Event, on

class Asked(Event, type="asked"):
    pass

@on(Asked)
def work(event):
    pass
"""


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


@pytest.fixture
def small(tmp_path):
    """A ledger on a server of 24 MB, and a way to fill it to a share of them."""
    with running(tmp_path, MEMORY) as url, benches.opened(url) as opened:
        yield url, opened


def fill(client, share):
    client.delete("ballast")
    free = MEMORY * share - client.info("memory")["used_memory"]
    client.setbit("ballast", int(free - 1024) * 8, 1)
    grown = client.info("memory")["used_memory"]
    assert abs(grown / MEMORY - share) < 0.01


def test_it_closes_at_80_percent_and_opens_below_75(small):
    _, bench = small
    admission = Admission(MEMORY, 1000)
    steps = [(0.5, True), (0.79, True), (0.81, False), (0.77, False), (0.73, True), (0.77, True), (0.82, False)]
    for at, (share, open_) in enumerate(steps):
        fill(bench.client, share)
        if open_:
            bench.run(admission.check(bench.keys, at))
        else:
            with pytest.raises(BacklogFull, match="of its memory") as refused:
                bench.run(admission.check(bench.keys, at))
            assert 1 <= refused.value.retry_after <= 300


def test_it_asks_once_a_second(small):
    _, bench = small
    admission = Admission(MEMORY, 1000)
    fill(bench.client, 0.85)
    with pytest.raises(BacklogFull):
        bench.run(admission.check(bench.keys, 10.0))
    bench.client.delete("ballast")
    with pytest.raises(BacklogFull):
        bench.run(admission.check(bench.keys, 10.9))
    bench.run(admission.check(bench.keys, 11.0))


def test_a_server_without_a_limit_has_the_configured_one(server_url, bench):
    bench.client.config_set("maxmemory", 0)
    try:
        with pytest.raises(BacklogFull):
            bench.run(Admission(1024, 1000).check(bench.keys, 0))
    finally:
        bench.client.config_set("maxmemory", 256 * 1024 * 1024)


def test_a_full_backlog_takes_no_more(bench):
    def one():
        wanted = accept(bench.keys, bench.keyring, event(), [Request(task="t", queue="q")] * 2, limit=3)
        return bench.run(wanted).runs

    first = one() + one()
    with pytest.raises(BacklogFull, match="BACKLOG_LIMIT"):
        one()
    known = [Request(task="t", queue="q")]
    assert bench.run(accept(bench.keys, bench.keyring, event("e0"), known, limit=10)).duplicate is False
    assert bench.run(accept(bench.keys, bench.keyring, event("e0"), known, limit=3)).duplicate is True
    for run, _ in first[:3]:
        bench.claim(run, run)
        bench.finish(run, run)
    assert len(one()) == 2


def test_everyone_is_told(make_app, tmp_path):
    with running(tmp_path, MEMORY) as url:
        app = make_app(SOURCE, redis_url=url)
        fill(house(app).ledger.client, 0.85)
        with app.app_context(), pytest.raises(BacklogFull):
            emit(house(app).catalog.event("asked", {}))
        answer = app.test_client().post(
            "/api/v1/events", json={"type": "asked", "data": {}}, headers={"Authorization": f"Bearer {API_TOKEN}"}
        )
        assert answer.status_code == 503
        assert answer.json["type"] == "/problems/backlog-full"
        assert 1 <= int(answer.headers["Retry-After"]) <= 300
        assert house(app).ledger.client.zcard(house(app).keys.due) == 0


def test_a_new_ledger_gets_its_number_and_an_old_one_is_brought_up_to_date(bench):
    bench.run(settle(bench.keys))
    assert int(bench.client.get(bench.keys.format)) == FORMAT
    bench.client.delete(bench.keys.format)
    runs = [bench.one() for _ in range(1200)]
    bench.client.hset(bench.keys.run(runs[3]), "lost", 2)
    bench.client.hset(bench.keys.run(runs[1100]), "lost", 1)
    bench.run(settle(bench.keys))
    assert int(bench.client.get(bench.keys.format)) == FORMAT
    assert [n for n, run in enumerate(runs) if bench.field(run, "suspect")] == [3, 1100]


def test_a_ledger_of_a_newer_release_is_refused(make_app, bench):
    app = make_app(SOURCE)
    there = house(app)
    there.ledger.client.set(there.keys.format, FORMAT + 1)
    with pytest.raises(LedgerNewer, match=f"format {FORMAT + 1}"):
        prepare(there.ledger, there.keys)
    with app.app_context(), pytest.raises(LedgerNewer):
        emit(there.catalog.event("asked", {}))
    answer = app.test_client().post(
        "/api/v1/events", json={"type": "asked", "data": {}}, headers={"Authorization": f"Bearer {API_TOKEN}"}
    )
    assert (answer.status_code, answer.json["type"]) == (503, "/problems/ledger-unavailable")
    assert there.ledger.client.zcard(there.keys.due) == 0
    assert int(there.ledger.client.get(there.keys.format)) == FORMAT + 1


def test_a_demanded_durability_is_given_or_refused(tmp_path):
    with running(tmp_path) as url, benches.opened(url) as bench:
        assert prepare(bench.ledger, bench.keys, "fsync") == []
        synced = accept(bench.keys, bench.keyring, event(), [Request(task="t", queue="q")], synced=True)
        assert bench.run(synced).runs
        bench.client.config_set("appendonly", "no")
        for wanted in ("everysec", "fsync"):
            with pytest.raises(ServerRefused, match=f"DURABILITY is {wanted}"):
                prepare(bench.ledger, bench.keys, wanted)
        assert prepare(bench.ledger, bench.keys, "memory") == []
        assert prepare(bench.ledger, bench.keys) != []


def test_what_is_not_on_the_disk_is_not_acknowledged(bench):
    flow = accept(bench.keys, bench.keyring, event("e1"), [Request(task="t", queue="q")], synced=True)
    commands = next(flow)
    assert commands[1] == ("WAITAOF", 1, 0, 500)
    with pytest.raises(DurabilityUnmet):
        flow.send([[b"OK", b"some"], [0, 0]])


def test_the_answer_names_the_level(make_app):
    for level, shown in (("fsync", "fsync"), ("", "everysec")):
        app = make_app(SOURCE, durability=level)
        with app.app_context():
            assert emit(house(app).catalog.event("asked", {})).durability == shown
