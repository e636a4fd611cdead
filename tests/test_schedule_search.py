"""Schedules are found by name, target, state and owner, a page at a time."""

from datetime import timedelta

import pytest
from scheduling_api import HANDLERS as HANDLERS

from core import schedule_search
from core.clock import now
from core.house import house
from core.quarantine import hold
from core.schedule_search import Search, find
from core.testing import fire_due


def search(app, after="", limit=10, **wanted):
    here = house(app)
    return here.ledger.run(find(here.layout, Search(**wanted), after, limit, now()))


def test_what_fits_is_found_in_the_order_of_names(app, api):
    fire_due(app, now() - timedelta(days=1))
    for name in ("tidy.late", "tidy.early", "other"):
        api.make(name=name, task="tidy", data={"days": 3})
    api.act("pause", name="other")
    house(app).ledger.run(hold(house(app).layout, {"tidy.late": "broken"}, [], now()))
    everything = ["bells.refresh", "bells.report", "other", "tidy.early", "tidy.late"]
    assert search(app) == (everything, None)
    assert search(app, words=["tidy"]) == (["other", "tidy.early", "tidy.late"], None)  # other runs tidy
    assert search(app, words=["tidy", "late"]) == (["tidy.late"], None)
    assert search(app, state="paused") == (["other"], None)
    assert search(app, state="held") == (["tidy.late"], None)
    assert search(app, state="enabled", owner="api") == (["tidy.early"], None)
    assert search(app, owner="code") == (everything[:2], None)
    assert search(app, words=["nothing"]) == ([], None)


@pytest.mark.parametrize("wanted", [{}, {"words": ["n"]}])
def test_pages_follow_each_other(app, api, wanted):
    names = [f"n{number}" for number in range(5)]
    for name in names:
        api.make(name=name)
    assert search(app, limit=3, **wanted) == (names[:3], "n2")
    assert search(app, after="n2", limit=3, **wanted) == (names[3:], None)
    assert search(app, limit=5, **wanted) == (names, None)


def test_a_page_looks_at_so_many_entries_and_can_go_on(app, api, monkeypatch):
    monkeypatch.setattr(schedule_search, "SCANNED", 4)
    monkeypatch.setattr(schedule_search, "BATCH", 2)
    for number in range(6):
        api.make(name=f"n{number}")
    assert search(app, words=["n5"]) == ([], "n3")
    assert search(app, words=["n5"], after="n3") == (["n5"], None)
