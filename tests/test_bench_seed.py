"""Seeded ledgers: whole, in the form of those that grew, of all kinds, and as large as was asked."""

import json
from datetime import datetime
from random import Random

import pytest
from invariants import hold
from populated import populate

from benchmarks.seed import PACKAGES
from benchmarks.seed.__main__ import main
from benchmarks.seed.dated import dated
from benchmarks.seed.goods import Week
from benchmarks.seed.play import seed
from core.clock import now
from core.house import house
from core.ledger import flow
from core.ledger.keys import STATES
from core.schedule_views import schedule_views
from core.testing import application, events, runs

RUNS, EVENTS = 1500, 150


@pytest.fixture(scope="module")
def seeded(server_url):
    with application(server_url, packages=PACKAGES, prefix="seeded") as app:
        yield app, seed(house(app), RUNS, EVENTS, days=0.4, dice=Random(3), say=lambda _: None)


@pytest.fixture(scope="module")
def grown(server_url):
    with application(server_url, packages=PACKAGES, prefix="grown") as app:
        populate(app)
        yield app


def test_it_is_whole_and_has_what_was_asked_for(seeded):
    app, found = seeded
    client, keys = house(app).ledger.client, house(app).keys
    hold(client, keys)
    assert client.zcard(keys.causes("event")) == EVENTS
    assert found.runs - client.zcard(keys.causes("fire")) == RUNS
    assert sum(found.states.values()) == found.runs
    assert found.states["succeeded"] > 0.7 * found.runs
    assert sum(bool(found.states[state]) for state in STATES) >= 7, found.states  # rare ones are a matter of the hour
    assert not list(client.scan_iter("*dial"))


def test_time_went_forward(seeded):
    for run in runs(seeded[0], states=("succeeded", "dead", "discarded")):
        created, started, finished = (datetime.fromisoformat(run[name]) for name in ("created", "started", "finished"))
        assert created <= started <= finished


@pytest.mark.parametrize("state", STATES)
def test_runs_are_made_of_what_grown_ones_are_made_of(seeded, grown, state):
    ours, theirs = ([run for run in runs(app, states=(state,)) if run["event"]] for app in (seeded[0], grown))
    if ours and theirs:
        varying = {"result": None, "progress": None, "attempts": []}
        assert shape(ours[0] | varying) == shape(theirs[0] | varying)
        assert fields(seeded[0], ours) <= fields(grown, theirs) | {b"progress", b"failures"}


def test_events_read_as_grown_ones(seeded, grown):
    ours, theirs = (events(app, type="order.placed")[0] for app in (seeded[0], grown))
    assert shape(ours | {"runs": [], "data": {}}) == shape(theirs | {"runs": [], "data": {}})


def test_schedules_can_be_read(seeded):
    here = house(seeded[0])
    views = here.ledger.run(schedule_views(here.layout, now()))
    assert {"shop.refresh_rates", "customer-00", "customer-39"} <= {view["name"] for view in views}
    assert not [view for view in views if view["held"] or view["owner"] not in ("code", "api")]


def test_weeks_have_the_runs_and_the_order_that_they_should():
    week = Week(runs=777, events=100, begin=0, end=7 * 86_400_000)
    sizes = list(week.sizes(Random(5)))
    assert (len(sizes), sum(sizes)) == (100, 777)
    moments = [week.moment(number) for number in range(100)]
    assert moments == sorted(moments)
    assert moments[0] >= 0


def test_scripts_ask_the_real_time_again(seeded):
    with dated(house(seeded[0]).ledger.client, "seeded-dial"):
        assert "seeded-dial" in flow.source("accept")[0]
    assert "'TIME'" in flow.source("accept")[0]


def test_a_script_that_tells_time_in_other_words_is_refused(seeded, monkeypatch):
    monkeypatch.setattr(flow, "source", lambda name: ("return 1", ""))
    with dated(house(seeded[0]).ledger.client, "seeded-dial"), pytest.raises(RuntimeError, match=r"dated\.py"):
        flow.source("accept")


def test_command_line(server_url, monkeypatch, capsys):
    for name, value in {"CARILLON_PREFIX": "line", "SECRET_KEY": "k" * 20, "API_TOKEN": "t" * 20}.items():
        monkeypatch.setenv(name, value)
    words = ["--url", server_url, "--runs", "60", "--events", "12", "--days", "0.05", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["events"], found["runs"] >= 60, found["bytes_per_run"] > 0) == (12, True, True)
    assert main(words) == 1
    assert "not empty" in capsys.readouterr().err
    assert main([*words, "--runs", "9999"]) == 2


def shape(value):
    """Return what *value* is made of; a list is what its first item is."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else type(value).__name__


def fields(app, found) -> set:
    client, keys = house(app).ledger.client, house(app).keys
    return {name for run in found for name in client.hkeys(keys.run(run["id"]))}
