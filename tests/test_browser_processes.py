"""The pages of queues, workers, webhooks and the doctor in a real browser: how they look, and what is done there."""

import pytest
from looks import flaws

from core.house import house
from core.ledger.alive import beat

PAGES = ("queues", "workers", "webhooks", "doctor")
SAID = {"queues": ["default", "mail"], "busy": 3, "concurrency": 32, "pool": "threads", "host": "a.example", "pid": 7}


@pytest.fixture
def lively(site):
    """Put a worker, a quiet one and a beat into the populated site."""
    here = house(site.app)
    said = (("w1", {"stuck": 1, "memory": 142 << 20}), ("w2", {"quiet": True}), ("w3", {"stopping": True}))
    for ident, more in said:
        here.ledger.run(beat(here.keys, "worker", ident, SAID | more))
    here.ledger.run(beat(here.keys, "beat", "b1", {"leader": True, "leads_since": "2026-11-24T14:12:00Z"}))
    return site


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(390, False), (1440, True)])
def test_populated_pages_have_no_flaws(lively, visit, page, width, dark):
    seen = visit(lively, f"/dashboard/{page}", width=width, dark=dark)
    assert seen.get_by_role("heading", level=1).inner_text() == page.capitalize()
    assert flaws(seen) == []


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [390, 1440])
def test_empty_pages_have_no_flaws(empty_site, visit, page, width):
    assert flaws(visit(empty_site, f"/dashboard/{page}", width=width)) == []


def test_a_worker_is_made_quiet_and_all_are_stopped(lively, visit):
    page = visit(lively, "/dashboard/workers")
    page.get_by_role("button", name="Quiet w1").click()
    assert "w1 was told to take no new runs" in page.inner_text("main")
    assert flaws(page) == []
    page.get_by_role("button", name="Resume w1").click()
    page.get_by_role("link", name="Stop all …").click()
    assert flaws(page) == []
    page.get_by_role("button", name="Stop all").click()
    assert "workers were told to stop" in page.inner_text("main")


def test_news_of_workers_come_by_themselves(lively, visit):
    page = visit(lively, "/dashboard/workers")
    here = house(lively.app)
    here.ledger.run(beat(here.keys, "worker", "w9", SAID))
    page.get_by_text("w9").first.wait_for()
