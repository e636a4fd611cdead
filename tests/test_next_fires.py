"""The next planned times of all schedules together."""

from datetime import UTC, datetime

from scheduling_api import HANDLERS as HANDLERS

from core.entries import load
from core.house import house
from core.quarantine import hold
from core.schedule_views import next_fires

NOW = datetime(2030, 1, 1, 0, 0, 30, tzinfo=UTC)


def coming(app, limit):
    here = house(app)
    return [(one["name"], one["at"][11:19]) for one in here.ledger.run(next_fires(here.layout, limit, NOW))]


def test_are_merged_and_one_that_fires_often_is_there_often(app, api):
    api.make(name="often", cron="* * * * *")
    api.make(name="third", cron="*/3 * * * *")
    found = [("often", "00:01:00"), ("often", "00:02:00"), ("often", "00:03:00"), ("third", "00:03:00")]
    assert coming(app, 5) == [*found, ("often", "00:04:00")]
    assert len(coming(app, 20)) == 20


def test_hold_only_what_is_going_to_fire(app, api):
    assert coming(app, 20) == []
    for name in ("held", "paused", "skipped"):
        api.make(name=name, cron="* * * * *")
    api.make(name="twice", cron="* * * * *", max_runs=2)
    api.make(name="once", cron=None, at="2030-01-01T00:02:00Z")
    api.act("pause", name="paused")
    api.act("skip", {"planned": "2030-01-01T00:01:00Z"}, name="skipped")
    here = house(app)
    here.ledger.run(hold(here.layout, {"held": "broken"}, [], NOW))
    assert coming(app, 5) == [
        ("twice", "00:01:00"),
        ("once", "00:02:00"),
        ("skipped", "00:02:00"),
        ("twice", "00:02:00"),
        ("skipped", "00:03:00"),
    ]
    [entry] = here.ledger.run(load(here.layout, ["once"]))
    assert here.layout.read(entry).count == 0
