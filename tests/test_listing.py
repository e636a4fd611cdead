"""Lists of runs and events: every filter, and pages that give each entry once and in order."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import bench as benches
import pytest
from bench import event

from core.causes import CALLS, Cause, fire
from core.ledger import listing, paths
from core.ledger.acceptance import Request, accept
from core.ledger.listing import EventFilter, Page, RunFilter, counts, list_events, list_runs
from core.ledger.paths import Sought
from core.ledger.views import PLACES, event_view, run_view

PLANNED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STATES = ("succeeded", "dead", "retrying", "running", "pending")
LIMITS = [1, 2, 3, 7, 100]


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        yield opened


@pytest.fixture
def full(bench):
    """A ledger of 10 orders of three runs each, 6 packages of none to two, 5 fires and 4 calls, in many states."""
    for n in range(10):
        mail = Request(task="mail", queue=("slow", "fast")[n % 2])
        three = [Request(task="book", queue="fast"), mail, Request(task="audit", queue="slow", delay=60_000)]
        accepted = bench.accept(event(f"o{n}", source=f"/{n % 3}", subject=f"s{n % 2}"), three)
        finish_as(bench, accepted.runs[1][0], STATES[n % len(STATES)])
    for n in range(6):
        mails = [Request(task="mail", queue="fast")] * (n % 3)
        packed = event(f"p{n}", type="order.packed", source="/p")
        bench.run(accept(bench.keys, bench.keyring, packed, mails))
    for n in range(5):
        fired = fire(("tidy", "report")[n % 2], PLANNED + timedelta(minutes=n))
        finish_as(bench, bench.accept(fired, [Request(task="tidy", queue="slow")]).runs[0][0], STATES[n % 2])
    for n in range(4):
        call = Cause(kind="call", id=f"c{n}", type="mail", source=CALLS, time="2026-11-22T12:00:00Z", data={})
        bench.accept(call, [Request(task="mail", queue="fast")])
    return bench


def finish_as(bench, run, state):
    if state != "pending":
        bench.claim(run, run)
    if state not in ("pending", "running"):
        bench.finish(run, run, state, delay=60, error='{"message":"no"}' if state in ("dead", "retrying") else "")


def everything(bench):
    """Return the views of all runs, newest first, read one by one."""
    names = [key.decode().rpartition(":")[2] for key in bench.client.scan_iter(bench.keys.run("*"), count=1000)]
    names.sort(key=lambda run: int(bench.field(run, "pos")), reverse=True)
    return [bench.run(run_view(bench.keys, run)) for run in names]


def paged(bench, flow, wanted, limit, **times):
    """Return all entries of all pages, and how many pages there were."""
    found, before, pages = [], None, 0
    while True:
        items, before = bench.run(flow(bench.keys, wanted, Page(limit=limit, before=before, **times)))
        assert len(items) <= limit
        found, pages = found + items, pages + 1
        if before is None:
            return found, pages


ORDER_3 = event("o3", source="/0").ledger_id
FILTERS = [
    {},
    {"states": ("dead",)},
    {"states": ("dead", "expired", "retrying", "scheduled")},
    {"states": ("parked",)},
    {"task": "mail"},
    {"queue": "slow"},
    {"event": "order.placed"},
    {"event": "order.packed"},
    {"event": ORDER_3},
    {"schedule": "tidy"},
    {"task": "mail", "queue": "fast", "states": ("succeeded", "pending")},
    {"event": "order.placed", "task": "mail", "states": ("running",)},
    {"event": ORDER_3, "task": "mail"},
    {"schedule": "tidy", "states": ("succeeded",)},
    {"schedule": "tidy", "task": "mail"},
    {"event": "no.such"},
]


def fits(view, wanted):
    return (
        (not wanted.states or view["state"] in wanted.states)
        and wanted.task in ("", view["task"])
        and wanted.queue in ("", view["queue"])
        and (not wanted.schedule or (view["fire"] or {}).get("schedule") == wanted.schedule)
        and (not wanted.event or wanted.event in (view["event"] or {}).values())
    )


@pytest.mark.parametrize("limit", LIMITS)
def test_pages_give_each_run_once_and_in_order(full, limit):
    runs = everything(full)
    for fields in FILTERS:
        wanted = RunFilter(**fields)
        expected = [view["id"] for view in runs if fits(view, wanted)]
        found, pages = paged(full, list_runs, wanted, limit)
        assert [view["id"] for view in found] == expected, fields
        assert pages <= len(expected) // limit + 1, fields


def test_a_view_is_whole(full):
    for view in everything(full):
        [listed] = [v for v in full.run(list_runs(full.keys, RunFilter(), Page(limit=100)))[0] if v["id"] == view["id"]]
        assert listed == {name: value for name, value in view.items() if name != "log"}
    assert full.run(run_view(full.keys, "0000.0")) is None


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("fields", [{}, {"task": "mail"}, {"event": "order.placed"}, {"states": ("pending",)}])
def test_from_and_to_take_what_was_created_between(full, limit, fields):
    wanted = RunFilter(**fields)
    runs = [view for view in everything(full) if fits(view, wanted)]
    ms = {run["id"]: int(full.field(run["id"], "pos")) // PLACES for run in runs}
    moments = sorted(set(ms.values()))
    since, until = moments[len(moments) // 4], moments[len(moments) // 2]
    expected = [run["id"] for run in runs if since <= ms[run["id"]] <= until]
    found, _ = paged(full, list_runs, wanted, limit, since=since, until=until)
    assert [view["id"] for view in found] == expected
    assert paged(full, list_runs, wanted, limit, since=moments[-1] + 1)[0] == []
    assert paged(full, list_runs, wanted, limit, until=moments[0] - 1)[0] == []


def test_an_event_whose_runs_cross_a_millisecond_is_found_by_its_later_runs(bench):
    bench.client.set(bench.keys.position, (bench.now() + 10_000) * PLACES - 3)
    accepted = bench.accept(requests=[Request(task="t", queue="q")] * 6)
    ms = [int(bench.field(run, "pos")) // PLACES for run, _ in accepted.runs]
    assert len(set(ms)) == 2
    later = [run for (run, _), at in zip(accepted.runs, ms, strict=True) if at == ms[-1]]
    for wanted in (RunFilter(), RunFilter(event="order.placed"), RunFilter(event=accepted.id)):
        found, _ = paged(bench, list_runs, wanted, 2, since=ms[-1])
        assert [view["id"] for view in found] == later[::-1]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, 16),
        ({"type": "order.packed"}, 6),
        ({"type": "order.*"}, 16),
        ({"type": "*.packed"}, 6),
        ({"type": "no.*"}, 0),
        ({"source": "/p"}, 6),
        ({"subject": "s1"}, 5),
        ({"type": "order.placed", "source": "/0", "subject": "s0"}, 2),
        ({"type": "order.packed", "subject": "s0"}, 0),
    ],
)
def test_pages_of_events(full, limit, fields, count):
    found, _ = paged(full, list_events, EventFilter(**fields), limit)
    ids = [view["id"] for view in found]
    order = [ident.decode() for ident in full.client.zrange(full.keys.causes("event"), 0, -1, desc=True)]
    assert (len(ids), ids) == (count, [ident for ident in order if ident in ids])
    assert max(Counter(ids).values(), default=1) == 1


@pytest.mark.parametrize("limit", LIMITS)
def test_events_are_found_by_their_data(bench, limit):
    for n in range(20):
        release = {"release": {"tag": f"v{n % 4}", "draft": n % 2 == 0}, "n": n}
        bench.accept(event(f"o{n}", type=("order.placed", "order.packed")[n % 2], data=release))
    for n in range(3):
        bench.accept(event(f"list{n}", type="list.sent", data=[{"n": 100 + n}]))

    def found(**fields):
        pairs = [Sought(path.replace("__", "."), text) for path, text in fields.items() if path != "type"]
        wanted = EventFilter(type=fields.get("type", ""), data=pairs)
        return [view["attributes"]["id"] for view in paged(bench, list_events, wanted, limit)[0]]

    assert found(release__tag="v3") == ["o19", "o15", "o11", "o7", "o3"]
    assert found(release__tag="v2", n="6") == ["o6"]
    assert found(release__draft="true", type="order.packed") == []
    assert found(n="101") == ["list1"]
    assert found(n="nothing") == []


def test_large_data_are_read_a_part_at_a_time(bench, monkeypatch):
    monkeypatch.setattr(paths, "AT_ONCE", 10_000)
    monkeypatch.setattr(paths, "LARGEST", 20_000)
    for n in range(6):
        bench.accept(event(f"o{n}", data={"n": n % 2, "text": "x" * (30_000 if n == 3 else 6_000)}))
    wanted = EventFilter(data=[Sought("n", "1")])
    found, _ = paged(bench, list_events, wanted, 100)
    assert [view["attributes"]["id"] for view in found] == ["o5", "o1"]  # the third is too large
    monkeypatch.setattr(listing, "SCANNED", 2)
    monkeypatch.setattr(listing, "SHARE", 3_000)
    first, before = bench.run(list_events(bench.keys, wanted, Page(limit=100)))
    assert ([view["attributes"]["id"] for view in first], before is None) == (["o5"], False)
    found, pages = paged(bench, list_events, wanted, 100)
    assert [view["attributes"]["id"] for view in found] == ["o5", "o1"]
    assert pages > 3
    ids = [bench.accept(event(f"l{n}", data={"text": "x" * size})).id for n, size in enumerate((30_000, 6_000))]
    _, looked, read = bench.run(paths.holding(bench.keys, ids, wanted.data))
    assert (looked, 6_000 < read < 7_000) == (2, True)


def test_one_event_comes_with_its_data_and_runs(full):
    view = full.run(event_view(full.keys, ORDER_3))
    assert (view["data"], view["subject"], [run["task"] for run in view["runs"]]) == (
        {"n": 1},
        "s1",
        ["book", "mail", "audit"],
    )
    assert full.run(event_view(full.keys, fire("tidy", PLANNED).ledger_id)) is None
    assert full.run(event_view(full.keys, "0000")) is None


def test_counts_are_those_of_the_runs(full):
    expected = Counter(view["state"] for view in everything(full))
    assert {state: n for state, n in full.run(counts(full.keys)).items() if n} == dict(expected)


def test_a_page_ends_where_too_much_was_looked_at_and_goes_on_from_there(full, monkeypatch):
    monkeypatch.setattr(listing, "SCANNED", 5)
    monkeypatch.setattr(listing, "BATCH", 2)
    wanted = RunFilter(queue="fast", task="audit")
    first, before = full.run(list_runs(full.keys, wanted, Page(limit=1)))
    assert (first, before is None) == ([], False)
    assert paged(full, list_runs, wanted, 1)[0] == []
    wanted = RunFilter(queue="slow", task="audit", states=("scheduled",), event="order.placed")
    assert len(paged(full, list_runs, wanted, 1)[0]) == 10


def test_few_that_fit_cost_few_round_trips(bench):
    keep = bench.one(task="rare", queue="busy")
    for _ in range(30):
        bench.accept(requests=[Request(task="common", queue="other")] * 10)
        bench.accept(requests=[Request(task="rare", queue="other"), Request(task="common", queue="busy")] * 5)
    trips, [view] = counted(bench, list_runs(bench.keys, RunFilter(task="rare", queue="busy"), Page(limit=1)))
    assert view["id"] == keep
    assert trips < 10


def counted(bench, flow):
    """Return how many round trips a list takes, and its items."""
    trips, commands = 0, next(flow)
    try:
        while True:
            trips += 1
            commands = flow.send(bench.ledger._answers(commands))
    except StopIteration as end:
        return trips, end.value[0]
