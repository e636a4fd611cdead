"""The first page in a real browser; and that the ways to look at pages see what they are there for."""

import pytest
from browser import opened_pages
from looks import clipped, flaws, overflowing, violations

from core.ledger.keys import STATES
from core.testing import runs

ELSEWHERE = "http://127.0.0.2:9/"


@pytest.mark.parametrize("width", [390, 1440])
def test_empty_page_has_no_flaws(empty_site, visit, width):
    page = visit(empty_site, width=width)
    assert "Nothing has rung yet" in page.inner_text("main")
    assert flaws(page) == []


@pytest.mark.parametrize("width", [390, 800])
def test_a_figure_with_a_name_that_cannot_be_parted_fits(site, visit, width):
    page = visit(site, width=width)
    page.evaluate("document.querySelector('.figures dd + dd').textContent = `queue ${'x'.repeat(40)}`")
    assert overflowing(page) == []


def test_page_in_production_wants_the_token(locked_site, visit):
    assert visit(locked_site, token=locked_site.token).title() == "Overview · Carillon"
    assert visit(locked_site).get_by_label("Token or password").is_visible()


def test_population_has_every_state(site):
    assert {run["state"] for run in runs(site.app)} == set(STATES)


class TestThemselves:
    """What is wrong is seen."""

    @pytest.fixture
    def spoil(self, site, visit):
        """A function that spoils the first page with a script of the test's own."""

        def spoil(script, **options):
            page = visit(site, **options)
            page.evaluate(script)
            return page

        return spoil

    def test_axe(self, spoil):
        image = "document.querySelector('h1').innerHTML += '<img src=\"/static/carillon/mark.svg\">'"
        [found] = violations(spoil(image))
        assert found.startswith("image-alt: ")

    def test_overflow(self, spoil):
        assert overflowing(spoil("document.querySelector('main').style.width = '3000px'"))

    def test_clipped(self, spoil):
        narrow = "{width: '20px', overflow: 'hidden', whiteSpace: 'nowrap'}"
        page = spoil(f"Object.assign(document.querySelector('h1').style, {narrow})")
        assert clipped(page) == ['is clipped: h1 "Overview"']

    @pytest.mark.parametrize(
        ("script", "trouble"),
        [
            ("setTimeout(() => { throw new Error('oh') })", "uncaught: "),
            ("console.error('oh')", "console: oh"),
            ("document.body.innerHTML += '<p onclick=\"alert(1)\">'", "Content Security Policy"),
            ("document.body.innerHTML += '<p style=\"color:red\">'", "Content Security Policy"),
            ("setTimeout(() => alert('oh'))", "a dialog: oh"),
            (f"document.body.append(Object.assign(new Image(), {{src: '{ELSEWHERE}'}}))", "Content Security Policy"),
            (f"location = '{ELSEWHERE}'", f"a request to {ELSEWHERE}"),
        ],
    )
    def test_what_goes_wrong_in_a_page(self, site, chromium, script, trouble):
        pages = opened_pages(chromium)
        page = pages.__enter__()(site)
        page.evaluate(script)
        page.wait_for_timeout(200)
        with pytest.raises(AssertionError, match=trouble):
            pages.__exit__(None, None, None)
