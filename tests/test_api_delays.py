"""Events over HTTP whose runs wait: delay and at of plain bodies."""

from datetime import UTC, datetime, timedelta

import pytest

from core.testing import drain, events

HANDLERS = """
    from core import *

    @on("note.*", name="keep")
    def keep(event: Event) -> dict: return event.data
"""
CLOUD = "application/cloudevents+json"
NOTE = {"type": "note.x", "data": {"a": 1}}


def due_in(api):
    """Return state, and seconds from creation to the due time, of the newest run."""
    run = api.get("/runs?limit=1")["items"][0]
    due, created = (datetime.fromisoformat(run[name]) for name in ("due", "created"))
    return run["state"], round((due - created).total_seconds(), 1)


@pytest.mark.parametrize(("delay", "wanted"), [(90, ("scheduled", 90)), (0.5, ("scheduled", 0.5)), (0, ("pending", 0))])
def test_delay(api, delay, wanted):
    api.send("/events", NOTE | {"delay": delay})
    assert due_in(api) == wanted


def test_at(app, api):
    at = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    api.send("/events", NOTE | {"at": at.isoformat()})
    [run] = api.get("/runs?state=scheduled")["items"]
    assert datetime.fromisoformat(run["due"]) == at
    assert drain(app) == []
    [event] = events(app)
    assert event["data"] == {"a": 1}


def test_a_time_that_is_over_delays_nothing(api):
    api.send("/events", NOTE | {"at": "2001-01-01T00:00:00Z"})
    assert due_in(api) == ("pending", 0)


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"delay": -1}, {"/delay"}),
        ({"delay": "5"}, {"/delay"}),
        ({"delay": True}, {"/delay"}),
        ({"delay": [5]}, {"/delay"}),
        ({"delay": 366 * 86400 + 1}, {"/delay"}),
        ({"delay": 1e308}, {"/delay"}),
        ({"at": 5}, {"/at"}),
        ({"at": ""}, {"/at"}),
        ({"at": "tomorrow"}, {"/at"}),
        ({"at": "2026-11-22T09:00:00"}, {"/at"}),
        ({"at": "9999-12-31T23:59:59-23:59"}, {"/at"}),
        ({"at": "2027-01-01T00:00:00Z", "delay": 5}, {"/at"}),
        ({"at": "2027-01-01T00:00:00Z", "delay": 0}, {"/at"}),
    ],
)
def test_bad_ones(app, api, given, pointers):
    assert api.pointers("invalid-event", "/events", NOTE | given) == pointers
    assert events(app) == []


def test_cloudevents_know_neither(api):
    cloud = {"specversion": "1.0", "id": "1", "source": "/x", "delay": 60, "at": "tomorrow"}
    ident = api.send("/events", NOTE | cloud, CLOUD)["id"]
    assert due_in(api) == ("pending", 0)
    assert api.get(f"/events/{ident}")["attributes"].items() >= {"delay": 60, "at": "tomorrow"}.items()
