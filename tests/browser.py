"""A real browser for tests: Chromium, driven by Playwright's sync API. Fixtures, known to every test by ``conftest``:

- ``site``: the application in development, populated (``populated.py``), served on 127.0.0.1; one for each file.
- ``locked_site``: the same ledger in production, where pages want the token or a login; ``site.token`` is the token.
- ``empty_site``: in development, with nothing in its ledger. All have ``url``, ``app``, ``token`` and ``api``.
- ``visit(site, "/", width=390, dark=True)``: opens a page of its own and returns Playwright's ``Page``. The test fails
  at its end on any console error or warning (a broken CSP rule is one), uncaught error, dialog, or request to another
  host. ``token=site.token`` sends it as a bearer; ``scripts=False`` is a browser without JavaScript;
  ``allow="status of 404"`` (a pattern) forgives messages; further options go to Playwright's ``new_context``.

``looks.py``: ``violations(page)`` asks axe (WCAG 2.2 A and AA, best practice), ``overflowing(page)`` and
``clipped(page)`` name what does not fit, ``flaws(page)`` is all three; a good page has ``[]``.
``shot(page, "runs", dark=False)`` writes ``docs/img/runs-light-1440.png``.
``hostile_site`` has all payloads of ``xss.py`` in every field that takes words (``planting.py``);
``executed(page)`` tells whether one of them came to life.

    def test_runs(site, visit):
        page = visit(site, "/dashboard/runs", width=390)
        page.get_by_role("link", name="dead").click()
        assert not flaws(page)

Two things to know. Playwright keeps an event loop on the test's thread, where ``emit`` and handlers that emit refuse
to work: write ``elsewhere(drain, site.app)``, or go through ``site.api``. And ``page.add_script_tag`` is stopped by
the CSP, as it should be; ``page.evaluate`` is not.
"""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import pytest
from chromium import MISSING, find
from sites import Site, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

T = TypeVar("T")
Visit = Callable[..., "Page"]
FLAGS = [
    "--no-sandbox",  # it will not start as root with it
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
HEIGHT = 900
LONGEST = 10_000  # ms that anything may take
LOUD = ("error", "warning", "assert")  # kinds of console messages that fail a test


@contextmanager
def launched() -> "Iterator[Browser]":
    """Run Chromium for a ``with`` block."""
    from playwright.sync_api import sync_playwright  # a quarter of a second that only browser tests should pay

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def found() -> str:
    """Return the path of Chromium; where there is none, the test is skipped, or fails if CI asks for it."""
    path = find()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return path


def elsewhere(function: Callable[..., T], *args: Any, **named: Any) -> T:
    """Call *function* on another thread, on which no event loop runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args, **named).result()


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """Chromium, for one file: Playwright's event loop must not be there for the tests of other files."""
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(chromium: "Browser") -> Iterator[Visit]:
    """A function that opens a page; what goes wrong in it fails the test."""
    with opened_pages(chromium) as visit:
        yield visit


@contextmanager
def opened_pages(chromium: "Browser") -> Iterator[Visit]:
    """Give ``visit`` for a ``with`` block, at whose end nothing may have gone wrong."""
    troubles: list[str] = []
    contexts = []

    def visit(
        site: Site | str,
        path: str = "/",
        *,
        width: int = 1440,
        dark: bool = False,
        scripts: bool = True,
        token: str = "",
        allow: str = "",
        **options: Any,
    ) -> "Page":
        url = site if isinstance(site, str) else site.url
        given: dict[str, Any] = {"extra_http_headers": {"Authorization": f"Bearer {token}"}} if token else {}
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=scripts,
            **given | options,
        )
        context.set_default_timeout(LONGEST)
        contexts.append(context)
        page = context.new_page()
        _listen(page, urlsplit(url).netloc, allow, troubles)
        page.goto(url + path)
        return page

    try:
        yield visit
    finally:
        for context in contexts:
            context.close()
    assert not troubles, "\n".join(troubles)


def _listen(page: "Page", host: str, allow: str, troubles: list[str]) -> None:
    def note(what: str) -> None:
        if not (allow and re.search(allow, what)):
            troubles.append(f"{page.url}: {what}"[:400])

    def dialog(shown: Any) -> None:
        note(f"a dialog: {shown.message}")
        shown.dismiss()

    def request(sent: Any) -> None:
        parts = urlsplit(sent.url)
        if parts.scheme != "data" and parts.netloc != host:
            note(f"a request to {sent.url}")

    page.on("console", lambda said: note(f"console: {said.text}") if said.type in LOUD else None)
    page.on("pageerror", lambda error: note(f"uncaught: {error}"))
    page.on("dialog", dialog)
    page.on("request", request)


@pytest.fixture(scope="module")
def site(server_url: str) -> Iterator[Site]:
    """The populated application in development."""
    from populated import populate

    with opened(server_url, partial(elsewhere, populate)) as made:
        yield made


@pytest.fixture(scope="module")
def locked_site(server_url: str, site: Site) -> Iterator[Site]:
    """The ledger of ``site`` in production."""
    with opened(server_url, prefix=site.prefix, env="production") as made:
        yield made


@pytest.fixture(scope="module")
def empty_site(server_url: str) -> Iterator[Site]:
    """The application in development, in which nothing has happened yet."""
    with opened(server_url) as made:
        yield made


@pytest.fixture(scope="module")
def hostile_site(server_url: str) -> Iterator[Site]:
    """The application in development, all words in which are payloads."""
    from planting import plant
    from xss import TEXTS

    with opened(server_url, partial(elsewhere, plant, texts=TEXTS), packages=("planted",)) as made:
        yield made
