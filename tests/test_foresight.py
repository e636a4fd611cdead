"""Reading ahead: what is due soon is known before it is due, and nothing waits for that."""

from datetime import UTC, datetime, timedelta

import pytest

from core.clock import to_ms
from core.foresight import Foresight
from core.house import house
from core.ledger.firing import Stored
from core.schedule import Schedule
from core.scheduling import put

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def here(make_app):
    return house(make_app())


def add(here, name, seconds):
    at = {"at": f"{NOON + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}", "timezone": "UTC"}
    made = Schedule(name=name, task="t", trigger=at, created=to_ms(NOON), cursor=to_ms(NOON) - 1)
    assert here.ledger.run(put(here.layout, made, Stored(here.layout.key(name), b"", b"", b"")))


def known(here):
    return sorted(one.name for one in here.layout._known.values())


def test_what_is_due_soon_is_read_once(here, monkeypatch):
    for name, seconds in (("soon", 2), ("later", 12), ("far", 60)):
        add(here, name, seconds)
    foresight = Foresight(here.layout, here.ledger, here.mover)
    foresight.look(NOON, 1.0)
    assert known(here) == ["soon"]
    asked = []

    def nothing(keys):
        asked.append(keys)
        yield from ()
        return []

    monkeypatch.setattr("core.foresight.load_keys", nothing)
    foresight.look(NOON + timedelta(seconds=1), 1.0)
    assert asked == []
    foresight.look(NOON + timedelta(seconds=3), 1.0)
    assert asked == [[here.layout.key("later")]]


def test_a_beat_that_has_something_to_do_does_not_read_ahead(here):
    add(here, "soon", 1)
    Foresight(here.layout, here.ledger, here.mover).look(NOON, 0.1)
    assert known(here) == []


def test_a_tick_reads_ahead_and_its_wait_is_shorter_by_that(here):
    add(here, "soon", 2)
    assert 0 < here.clockwork.tick(NOON) <= 1.0
    assert known(here) == ["soon"]
