"""Words of strangers stay words, in a real browser; and they are where they should be."""

from collections import Counter

from looks import overflowing
from xss import TEXTS, executed

from core.house import house
from core.ledger.fires import fires
from core.testing import events, runs


def test_first_page(hostile_site, visit):
    for width in (390, 1440):
        page = visit(hostile_site, width=width)
        assert not executed(page)
        assert overflowing(page) == []


def test_words_are_in_every_field(hostile_site):
    app, texts = hostile_site.app, set(TEXTS)
    planted = events(app, type="planted.word")
    assert len(planted) == len(texts)
    assert {event["data"]["text"] for event in planted} == texts
    for field in ("subject", "source"):
        assert len({event[field] for event in planted} & texts) > 50, field
    assert len({event["attributes"].get("planted") for event in planted} & texts) > 200
    ends = Counter(run["state"] for name in NAMES for run in runs(app, task=name))
    assert ends == dict.fromkeys(("succeeded", "dead", "retrying", "discarded"), len(texts))
    assert {run["error"]["message"] for run in runs(app, task="planted.discard")} & texts
    assert {run["task"] for run in runs(app, states=("pending",))} & texts
    here = house(app)
    [row, *_] = here.ledger.run(fires(here.keys, "planted-0", 5))
    assert row.cause == f"paused: {TEXTS[0]}"


NAMES = ("planted.answer", "planted.fail", "planted.wait", "planted.discard")
