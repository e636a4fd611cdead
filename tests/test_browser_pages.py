"""Every page in a real browser: how it looks, that it works without scripts, keys, news and the theme.

With PICTURES=1 the pictures of the documentation are made anew.
"""

import os

import pytest
from all_pages import MISSING, PLAIN, paths
from looks import LARGEST, PICTURES, flaws, shot

from core.clock import now
from core.dashboard.shell import PAGES


def test_all_that_the_bar_names_is_here():
    assert {path for path, _ in PAGES} <= set(PLAIN.values())


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1440, False), (1440, True)])
def test_every_page_has_no_flaws_and_its_picture(site, locked_site, visit, tmp_path, width, dark):
    page = visit(site, width=width, dark=dark, allow=MISSING)
    door = visit(locked_site, width=width, dark=dark)
    folder = PICTURES if os.environ.get("PICTURES") else tmp_path
    found = {}
    for name, path in paths(site).items():
        page.goto(site.url + path)
        assert 3_000 < shot(page, name, dark=dark, folder=folder).stat().st_size < LARGEST, name
        found[name] = flaws(page)
    shot(door, "login", dark=dark, folder=folder)
    found["login"] = flaws(door)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_every_page_is_the_same_without_scripts(site, visit):
    pages = [visit(site, scripts=on, allow=MISSING) for on in (True, False)]
    for name, path in paths(site).items():
        for page in pages:
            page.goto(site.url + path)
        first, second = (page.locator("h1").inner_text() for page in pages)
        assert first == second, name
        assert pages[1].locator("main").inner_text().strip(), name


def test_the_door_without_scripts_and_with_a_wrong_secret_first(locked_site, visit):
    page = visit(locked_site, "/dashboard/runs", scripts=False, allow="status of 401")
    page.get_by_label("Token or password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    assert "neither the token nor the password" in page.get_by_role("alert").inner_text()


def test_keys_find_the_search_and_tell_of_themselves(site, visit):
    page = visit(site, "/dashboard/events")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    assert flaws(page) == []


def test_news_come_without_loading_the_page_and_stop_when_asked(site, visit):
    page = visit(site, "/dashboard/events?q=type:stock.low")
    page.evaluate("window.kept = true")
    before = page.locator("tbody tr").count()
    site.api.send("/events", {"type": "stock.low", "data": {"bell": f"bell {now():%f}", "left": 1}})
    page.wait_for_function("count => document.querySelectorAll('tbody tr').length > count", arg=before)
    assert page.evaluate("window.kept") is True
    page.get_by_role("link", name="Pause").click()
    assert page.locator("body[data-live]").count() == 0


def test_the_theme_is_kept(site, visit):
    page = visit(site, "/")
    page.get_by_role("button", name="Light / dark").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto(site.url + "/dashboard/runs")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
