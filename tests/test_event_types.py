"""GET /api/v1/event-types: every type and pattern with schema, version, handlers and counts."""

from datetime import timedelta

from api import Api

from core.clock import now
from core.event_types import event_types, hourly
from core.house import house

HANDLERS = """
    from core import *

    class OrderPlaced(Event, type="order.placed"):
        '''A customer paid for a basket.

        And more.
        '''

        order_id: int
        email: str = "ann@example.org"

    class Untold(Event, type="un.told"):
        check: type

    @on(OrderPlaced, name="receipt", queue="mail")
    def receipt(event: OrderPlaced) -> None: ...

    @on("order.*", name="archive")
    def archive(event: Event) -> None: ...

    @on("order.*", "github.*", name="watch")
    def watch(event: Event) -> None: ...

    @on("plain.type", name="plain")
    def plain(event: Event) -> None: ...
"""


def types(api):
    return {item["type"]: item for item in api.get("/event-types")["items"]}


def test_each_type_has_its_schema_version_and_handlers(app, api):
    found = types(api)
    assert list(found) == ["github.*", "order.*", "order.placed", "plain.type", "un.told"]
    placed = found["order.placed"]
    assert placed["description"] == "A customer paid for a basket."
    assert placed["schema"]["properties"]["order_id"] == {"title": "Order Id", "type": "integer"}
    assert placed["schema"]["required"] == ["order_id"]
    assert [(h["task"], h["queue"]) for h in placed["handlers"]] == [
        ("receipt", "mail"),
        ("archive", "default"),
        ("watch", "default"),
    ]
    assert placed["place"].endswith("/subject.py:4")
    assert placed["handlers"][0]["place"].partition(":")[0] == placed["place"].partition(":")[0]


def test_what_no_class_declares_has_no_schema(app, api):
    found = types(api)
    for name in ("order.*", "github.*", "plain.type"):
        assert [found[name][member] for member in ("version", "description", "schema", "place")] == [None] * 4
    assert [handler["task"] for handler in found["github.*"]["handlers"]] == ["watch"]
    assert found["un.told"]["schema"] is found["un.told"]["version"] is None  # a class is no JSON


def test_the_version_changes_with_the_schema(app, api, make_app):
    before = types(api)["order.placed"]["version"]
    assert types(Api(make_app(HANDLERS)))["order.placed"]["version"] == before
    other = make_app(HANDLERS.replace("order_id: int", "order_id: str"))
    assert types(Api(other))["order.placed"]["version"] != before


def test_counts_are_those_of_the_last_hours(app, api):
    for n in range(3):
        api.send("/events", {"type": "order.placed", "data": {"order_id": n}})
    api.send("/events", {"type": "order.lost", "data": {}})
    api.send("/events", {"type": "plain.type", "data": {}})
    found = types(api)
    assert (found["order.placed"]["last_hour"], found["order.placed"]["last_24h"]) == (3, 3)
    assert (found["plain.type"]["last_hour"], found["un.told"]["last_hour"]) == (1, 0)
    assert found["order.*"]["last_hour"] == 4  # archive answers nothing else, so its runs are the events
    assert found["github.*"]["last_hour"] is None  # watch does
    here = house(app)
    [kind] = [one for one in event_types(here.catalog) if one.name == "order.placed"]

    def counts(**ahead):
        return here.ledger.run(hourly(here.keys, [kind], now() + timedelta(**ahead)))[0]

    assert counts() == [0] * 23 + [3]
    assert counts(hours=2, minutes=1) == [0] * 21 + [3, 0, 0]
    assert counts(hours=25) == [0] * 24


def test_the_list_has_pages_like_any_other(app, api):
    names, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/event-types?limit=2{cursor and f'&cursor={cursor}'}")
        names += [item["type"] for item in page["items"]]
        cursor = page["next"]
    assert names == list(types(api))
    for query in ("limit=0", "cursor=x", "typ=1"):
        assert api.get(f"/event-types?{query}", 400)["type"] == "/problems/bad-query"


def test_without_any_handler_the_list_is_empty(make_app):
    assert Api(make_app()).get("/event-types") == {"items": [], "next": None}
