"""Words of strangers in every field of every page: not one of them is executed."""

from all_pages import MISSING, paths
from xss import executed


def test_payloads_of_strangers_stay_words_on_every_page(hostile_site, visit):
    page = visit(hostile_site, allow=MISSING)
    for name, path in paths(hostile_site).items():
        page.goto(hostile_site.url + path)
        page.wait_for_timeout(100)
        assert not executed(page), name
