"""Runs are found by patterns and by the data of their causes: over HTTP, in a terminal, page by page."""

import json

import pytest
from command_line import Line

from core.house import house
from core.ledger import listing
from core.ledger.fitting import RunFilter
from core.ledger.listing import Page, list_runs
from core.ledger.paths import Sought
from core.testing import drain, runs

HANDLERS = """
    from core import *

    class Placed(Event, type="order.placed"):
        order: int
        buyer: dict

    @on(Placed, name="shop.mail.send", queue="mail", retries=0)
    def send(event: Placed) -> None:
        if event.order % 2:
            raise RuntimeError("odd")

    @on("order.*", name="shop.archive")
    def archive(event: Event) -> None: ...

    @task(name="tidy")
    def tidy(shelf: str) -> None: ...
"""


@pytest.fixture
def app(make_app):
    app = make_app(HANDLERS)
    send = app.test_client().post
    bearer = {"Authorization": "Bearer test-token"}
    for n in range(6):
        data = {"order": n, "buyer": {"name": f"Ann {n % 3}", "tags": ["vip"] if n == 4 else []}}
        send("/api/v1/events", json={"type": "order.placed", "data": data}, headers=bearer)
    with app.app_context():
        from core import enqueue

        tidy = house(app).catalog.task("tidy").function
        enqueue(tidy, shelf="c")
    drain(app)
    return app


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("data.order=4", 2),
        ("data.order=4&data.buyer.name=Ann%201", 2),
        ("data.order=4&data.buyer.name=Ann%202", 0),
        ("data.buyer.name=Ann%201", 4),
        ("data.buyer.name=Ann%201&task=shop.mail.*", 2),
        ("data.buyer.name=Ann%201&state=failed", 1),
        ("data.buyer.tags=vip&event=order.placed", 2),
        ("data.shelf=c", 1),
        ("task=shop.*", 12),
        ("task=*mail*&event=order.*", 6),
        ("event=nothing.*", 0),
        ("data.order=9", 0),
    ],
)
def test_over_http(api, query, count):
    for limit in (1, 2, 50):
        found, place = [], ""
        while place is not None:
            page = api.get(f"/runs?{query}&limit={limit}{place}")
            found += page["items"]
            place = page["next"] and f"&cursor={page['next']}"
        assert len(found) == count == len({run["id"] for run in found})
        assert [run["id"] for run in found] == sorted((run["id"] for run in found), key=age(found))


def age(found):
    order = {run["id"]: n for n, run in enumerate(sorted(found, key=lambda run: run["created"], reverse=True))}
    return order.__getitem__


def test_large_data_end_a_look_early_and_the_next_goes_on(app, monkeypatch):
    here = house(app)
    monkeypatch.setattr("core.ledger.paths.AT_ONCE", 300)
    monkeypatch.setattr(listing, "SCANNED", 5)
    wanted = RunFilter(data=(Sought("order", "0"),))
    found, before, pages = [], None, 0
    while pages == 0 or before is not None:
        items, before = here.ledger.run(list_runs(here.keys, wanted, Page(limit=50, before=before)))
        found, pages = found + items, pages + 1
    assert (len(found), pages > 1) == (2, True)


def test_the_runs_of_one_event_by_its_data(app, api):
    [event] = [run["event"]["id"] for run in api.get("/runs?data.order=3&task=shop.archive")["items"]]
    assert len(api.get(f"/runs?event={event}&data.order=3")["items"]) == 2
    assert api.get(f"/runs?event={event}&data.order=4")["items"] == []


def test_what_acts_takes_data_too(app, api):
    assert api.send("/runs/retry", {"data.order": 2}) == {"matched": 0, "done": 0, "conflicts": 0, "next": None}
    assert api.send("/runs/retry", {"data.order": 1, "task": "shop.*"})["done"] == 1
    ids = [run["id"] for run in runs(app, states=("dead",))]
    assert api.send("/runs/retry", {"ids": ids, "data.buyer.name": "Ann 0"})["done"] == 1
    assert api.send("/runs/retry", {"data.buyer.tags": "vip", "data.order": 4}) | {"next": 0} == {
        "matched": 0,
        "done": 0,
        "conflicts": 0,
        "next": 0,
    }


@pytest.mark.parametrize("body", [{"data.": "x"}, {"data": {"order": 1}}, {"data.order": []}, {"data.order": ""}])
def test_what_cannot_be_looked_for(api, body):
    assert len(api.pointers("invalid-request", "/runs/retry", body)) == 1


def test_too_much_at_once(api):
    assert api.pointers("invalid-request", "/runs/retry", {f"data.a{n}": n for n in range(21)}) == {""}
    query = "&".join(f"data.a{n}={n}" for n in range(21))
    assert "20 are the most" in api.get(f"/runs?{query}", 400)["detail"]


def test_in_a_terminal(app):
    line = Line(app)
    found = json.loads(line("runs", "list", "--data", "buyer.name=Ann 1", "--task", "shop.mail.*", "--json"))
    assert len(found) == 2
    assert line("runs", "retry", "--data", "order=1") == "Retried 1 run.\n"
    assert "wanted a path and a value: user.id=7" in line.run("runs", "list", "--data", "order").stderr
