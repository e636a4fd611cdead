"""The pages of events in a real browser: no flaws on narrow and wide screens, and the way through them."""

import re

import pytest
from looks import flaws

from core.testing import events

PATH = "/dashboard/events"


def paths(site):
    there = events(site.app)
    failed = next(event for event in there if any(run["state"] == "dead" for run in event["runs"]))
    return [PATH, f"{PATH}?q=typ:x", f"{PATH}?q=data.nothing:1", "/dashboard/types", f"{PATH}/{failed['id']}"]


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1440, False)])
def test_pages_have_no_flaws(site, visit, width, dark):
    page = visit(site, width=width, dark=dark, allow="status of 422")
    for path in paths(site):
        page.goto(site.url + path)
        for fold in page.locator("details > summary").all():
            fold.click()
        assert flaws(page) == [], path


@pytest.mark.parametrize("scripts", [False, True])
def test_an_event_is_sent_by_hand_and_replayed(site, visit, scripts):
    page = visit(site, f"{PATH}?test=customer.joined", scripts=scripts)
    page.get_by_label("name", exact=True).fill("Ann Weber")
    page.get_by_label("email", exact=True).fill("ann@example.org")
    page.get_by_role("button", name="Send").click()
    assert page.get_by_role("heading", name="customer.joined").is_visible()
    assert "Ann Weber" in page.locator("#payload").inner_text()
    page.get_by_role("button", name=re.compile("Replay (it|all)")).click()
    assert "Replay of event" in page.locator("#chain").inner_text()


def test_edit_and_replay_keeps_what_does_not_fit(site, visit):
    ident = next(event["id"] for event in events(site.app) if event["type"] == "customer.joined")
    page = visit(site, f"{PATH}/{ident}", allow="status of 422")
    page.locator("#edit > summary").click()
    page.get_by_label("Data for the new runs").fill('{"name": 7}')
    page.get_by_role("button", name="Replay with this data").click()
    assert page.get_by_label("Data for the new runs").input_value() == '{"name": 7}'
    assert page.get_by_role("alert").is_visible()
    assert flaws(page) == []


def test_news_come_by_themselves(site, visit):
    page = visit(site, PATH)
    before = page.locator("#stream tbody tr").first.inner_text()
    site.api.send("/events", {"type": "customer.joined", "data": {"name": "Bo", "email": "bo@example.org"}})
    page.wait_for_function("before => document.querySelector('#stream tbody tr').innerText !== before", arg=before)
