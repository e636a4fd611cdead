"""The pages of runs in a real browser: how they look, and that all of it works without scripts."""

import pytest
from looks import flaws

from core.testing import runs

LIST = "/dashboard/runs"


def pages(site):
    found = {run["state"]: f"{LIST}/{run['id']}" for run in runs(site.app)}
    most = max(runs(site.app), key=lambda run: run["attempt"])
    lists = [LIST, f"{LIST}?q=task:shop.*+state:failed", f"{LIST}?q=queue:nowhere"]
    return [*lists, f"{LIST}/cancel?on=all&q=task:shop.*", f"{LIST}/{most['id']}", *found.values()]


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1440, True)])
def test_pages_have_no_flaws(site, visit, width, dark):
    page = visit(site, width=width, dark=dark)
    for path in pages(site):
        page.goto(site.url + path)
        assert flaws(page) == [], path


def test_a_search_that_is_not_understood_has_no_flaws(site, visit):
    page = visit(site, f"{LIST}?q=state:done", allow="status of 422")
    assert "Found state:done; wanted" in page.inner_text("[role=alert]")
    assert flaws(page) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_ticked_runs_are_cancelled_after_a_question(site, visit, scripts):
    page = visit(site, f"{LIST}?q=state:scheduled", scripts=scripts)
    before = page.locator("tbody tr").count()
    page.locator("tbody input[type=checkbox]").first.check()
    page.get_by_role("button", name="Cancel …").click()
    assert page.get_by_role("heading", name="Cancel 1 run").is_visible()
    page.get_by_role("button", name="Cancel them").click()
    assert "Cancelled 1 run." in page.inner_text("[role=status]")
    assert page.locator("tbody tr").count() == before - 1


def test_keys_walk_the_rows_and_enter_opens_one(site, visit):
    page = visit(site, LIST)
    page.keyboard.press("j")
    page.keyboard.press("j")
    href = page.locator("tbody tr").nth(1).locator("a").first.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{href}")


def test_the_way_to_the_form_opens_it(site, visit):
    [run] = runs(site.app, states=("running",), task="shop.write_invoice")
    page = visit(site, f"{LIST}/{run['id']}")
    page.get_by_role("link", name="Edit and run again").click()
    assert page.get_by_label("Data for the new run").is_visible()
