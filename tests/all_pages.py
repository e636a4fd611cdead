"""The address of every page of the dashboard, for tests that walk them all."""

from core.entries import name_page
from core.house import house
from core.ledger.listing import EventFilter, Page, list_events
from core.testing import runs

PLAIN = {
    "overview": "/",
    "day": "/?span=day",
    "events": "/dashboard/events",
    "types": "/dashboard/types",
    "runs": "/dashboard/runs",
    "schedules": "/dashboard/schedules",
    "new-schedule": "/dashboard/schedules/-/new",
    "queues": "/dashboard/queues",
    "workers": "/dashboard/workers",
    "webhooks": "/dashboard/webhooks",
    "doctor": "/dashboard/doctor",
    "missing": "/dashboard/nonsense",
}
MISSING = "status of 404"


def paths(site):
    """Return the address of every page, by its name; of an event, a run and a schedule those that have most to show."""
    here = house(site.app)
    events, _ = here.ledger.run(list_events(here.keys, EventFilter(), Page(limit=100)))
    event = max(events, key=lambda one: len(one["runs"]))["id"]
    run = max(runs(site.app), key=lambda one: (one["state"] == "dead", one["attempt"]))["id"]
    names = here.ledger.run(name_page(here.layout, "", 100))
    schedule = next((name for name in names if name == "shop.watch_prices"), names[0])
    return PLAIN | {
        "event": f"/dashboard/events/{event}",
        "run": f"/dashboard/runs/{run}",
        "schedule": f"/dashboard/schedules/{schedule}",
        "edit-schedule": f"/dashboard/schedules/-/edit/{schedule}",
    }
