"""The payloads are real: each is executed in a page without protection, in its own place."""

import unicodedata

import jinja2
import pytest
from browser import LONGEST
from flask import Flask
from sites import serving
from xss import PAYLOADS, executed

DRESS = {
    "body": "<body>{}",
    "svg": "<body><svg>{}",
    "comment": "<body><!--{}-->",
    "double": '<body><input value="{}">',
    "single": "<body><input value='{}'>",
    "bare": "<body><input value={}>",
    "href": '<body><a id=link href="{}">x</a>',
    "js-double": '<body><script>x="{}"</script>',
    "js-single": "<body><script>x='{}'</script>",
    "js-template": "<body><script>x=`{}`</script>",
    "js-comment": "<body><script>//{}</script>",
    "js-escaped": '<body><script>x="{}"</script>',
} | {
    name: f"<body><{name}>{{}}</{name}>"
    for name in ("title", "textarea", "style", "script", "noscript", "template", "xmp", "noembed")
}
MAKE = {
    "engine": lambda text: jinja2.Environment(autoescape=False).from_string(text).render(),
    "normalised": lambda text: unicodedata.normalize("NFKC", text),
    "js-escaped": lambda text: text.replace('"', '\\"'),
}
TWICE = """text => {
  const read = new DOMParser().parseFromString(text, 'text/html').body.innerHTML
  document.body.innerHTML = new DOMParser().parseFromString(read, 'text/html').body.innerHTML
}"""
PLACES = (*DRESS, "engine", "normalised", "mutated")


def test_there_are_enough_and_each_is_another():
    assert len({payload.text for payload in PAYLOADS}) >= 200
    assert {payload.place for payload in PAYLOADS} == set(PLACES)


def test_each_is_real(chromium, unsafe):
    page = chromium.new_page()
    page.set_default_timeout(LONGEST)
    harmless = [payload for number, payload in enumerate(PAYLOADS) if not harms(page, f"{unsafe}/{number}", payload)]
    page.close()
    assert not harmless


@pytest.fixture
def unsafe():
    """The URL of pages that show payloads as they are, by number."""
    app = Flask("unsafe")

    @app.get("/<int:number>")
    def show(number):
        text, place = PAYLOADS[number]
        shown = "" if place == "mutated" else MAKE.get(place, str)(text)
        return f"<!doctype html><title>{number}</title>{DRESS.get(place, DRESS['body']).format(shown)}\n<p>and more"

    with serving(app) as url:
        yield url


def harms(page, url, payload) -> bool:
    """Open the page of *payload*, do what a person would, and tell whether it was executed."""
    page.goto(url)
    if payload.place == "mutated":
        page.evaluate(TWICE, payload.text)
    if payload.place == "href":
        page.click("#link")
    for _ in range(20):
        if executed(page):
            return True
        page.wait_for_timeout(25)
    return False
