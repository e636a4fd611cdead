"""The pages of events: the stream and its search, types, sending one by hand, one event, replaying it."""

import re
from urllib.parse import quote

import pytest
from api import Api
from visiting import Visitor

from core.dashboard import descent
from core.dashboard import event as event_page
from core.dashboard import events as events_page
from core.emitting import emit
from core.house import house
from core.testing import drain, events, runs

HANDLERS = """
    from core import *
    from datetime import datetime
    from enum import Enum
    from typing import Literal
    from pydantic import BaseModel, Field

    class Size(Enum):
        small = "small"
        large = "large"

    class Address(BaseModel):
        street: str

    class OrderPlaced(Event, type="order.placed"):
        '''A customer paid for a basket.'''

        order_id: int = Field(ge=1, examples=[88214])
        email: str = Field("ann@example.org", json_schema_extra={"format": "email"})
        gift: bool = False
        size: Size = Size.small
        rating: float | None = None
        due: datetime | None = None
        address: Address | None = None
        tags: list[str] = []

    class Told(Event, type="order.told"):
        order_id: int

    class Quiet(Event, type="quiet.day"): ...

    @on(OrderPlaced, name="receipt", retries=0)
    def receipt(event: OrderPlaced) -> None:
        if event.order_id == 13:
            raise RuntimeError("unlucky")
        if event.order_id == 7:
            emit(Told(order_id=7))

    @on("order.*", name="archive")
    def archive(event: Event) -> None: ...

    @on("loop.*", name="round")
    def round(event: Event) -> None:
        if event.data["left"]:
            emit(Event(type="loop.round", data={"left": event.data["left"] - 1}))

    @on("github.*", name="mirror")
    def mirror(event: Event) -> None: ...
"""
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 191 }}</bdi></title></svg><iframe>"]
PATH = "/dashboard/events"


@pytest.fixture
def app(make_app):
    return make_app(HANDLERS, dashboard_timezone="Europe/Berlin", dashboard_read_password="only to read with")


def order(api, number=1, kind="order.placed", **more):
    """Accept an order; returns the event's id."""
    return api.send("/events", {"type": kind, "data": {"order_id": number}, **more})["id"]


def listed(page):
    """Return the ids of the events in the stream."""
    return [link.rpartition("/")[2] for link in page.links() if re.fullmatch(rf"{PATH}/\w+", link)]


def older(page):
    """Return the link to the next page, or None."""
    links = [link for link in page.links() if "cursor=" in link]
    return links[-1] if links and ("Older" in page.words or "Search further back" in page.words) else None


def last(app):
    return events(app)[0]


class TestStream:
    def test_it_shows_events_newest_first_with_their_runs(self, app, api, visitor):
        first, second = order(api, subject="order 1", source="/shop"), order(api, 13)
        drain(app)
        page = visitor.get(PATH)
        assert listed(page) == [second, first]
        assert "1 succeeded1 dead" in page.words
        assert re.search(r"order 1 /shop 2 succeeded", page.words)
        assert "2 in the last hour" in page.words
        assert "all 2" in page.words

    def test_with_nothing_in_it_teaches(self, visitor):
        page = visitor.get(PATH)
        assert "Nothing has happened yet" in page.words
        assert "flask events emit hello.said" in page.words

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("type:order.placed", 3),
            ("type:order.*", 3),
            ("type:github.push", 0),
            ("data.order_id:2", 1),
            ("data.order_id:2 data.order_id:3", 0),
            ('subject:"order 2"', 1),
            ("source:/api from:1h", 3),
            ("to:2020-01-01", 0),
            ("from:9999-01-01", 0),
            ("from:0001-01-02 to:9998-01-01", 3),
            ("data.tags:red", 0),
            ("type:*", 3),
        ],
    )
    def test_a_search_finds_what_fits(self, api, visitor, query, count):
        for number in (1, 2, 3):
            order(api, number, subject=f"order {number}")
        page = visitor.get(f"{PATH}?q={quote(query)}")
        assert len(listed(page)) == count
        assert query in page.values("value")
        if not count:
            assert "No event matches." in page.words

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("typ:x", "Found typ:, which is no key here."),
            ("order", "a word without a key"),
            ('type:"x', "a quotation mark has no partner"),
            ("from:yesterday", "Found from:yesterday; wanted a time"),
            ("type:a type:b", "can stand there once each"),
            ("x" * 2000, "1,000 are the most"),
            ("\x00\ud7ff:", "no key here"),
        ],
    )
    def test_a_search_that_means_nothing_is_said_beside_the_field(self, api, visitor, query, said):
        order(api)
        page = visitor.get(f"{PATH}?q={quote(query)}", 422)
        assert said in page.words
        assert query in page.values("value")
        assert "true" in page.values("aria-invalid")
        assert "The search was not made" in page.words

    def test_it_has_pages(self, api, visitor, monkeypatch):
        monkeypatch.setattr(events_page, "SHOWN", 2)
        made = [order(api, number + 1) for number in range(5)]
        seen, path = [], f"{PATH}?q=type:order.*"
        while path:
            page = visitor.get(path)
            seen += listed(page)
            path = older(page)
            assert ("data-live" in page.names) == (len(seen) == 2)  # only the first one moves
        assert seen == made[::-1]
        assert "Newest" in page.words
        assert "cursor is not one" in visitor.get(f"{PATH}?cursor=x", 422).words

    def test_a_search_that_looked_at_enough_says_so_and_goes_on(self, app, api, visitor, monkeypatch):
        from core.ledger import listing

        for number in range(6):
            order(api, number + 1)
        monkeypatch.setattr(listing, "SCANNED", 2)
        monkeypatch.setattr(listing, "BATCH", 2)
        monkeypatch.setattr(events_page, "SHOWN", 2)
        page = visitor.get(f"{PATH}?q=data.order_id:1")
        assert "Nothing that was looked at so far matches" in page.words
        assert "looked back to" in page.words
        found = []
        while path := older(page):
            page = visitor.get(path)
            found += listed(page)
        assert found == [events(app)[-1]["id"]]

    def test_live_can_be_stopped(self, api, visitor):
        order(api)
        assert {"data-live"} <= visitor.get(PATH).names
        page = visitor.get(f"{PATH}?live=off")
        assert "data-live" not in page.names
        assert "Live, every 3 s" in page.words
        assert "Pause" not in page.words

    def test_types_are_counted(self, api, visitor):
        order(api), order(api, 2), order(api, 3, kind="order.told")
        page = visitor.get(PATH)
        assert re.search(r"order\.placed\s*receipt, archive\s*2\b", page.words)
        assert re.search(r"order\.\*\s*archive\s*3\b", page.words)
        assert re.search(r"quiet\.day\s*no handler\s*0\b", page.words)


class TestTypes:
    def test_each_has_its_schema_and_handlers(self, api, visitor):
        order(api)
        page = visitor.get("/dashboard/types")
        assert "6 types and patterns" in page.words
        assert "A customer paid for a basket." in page.words
        assert '"order_id": {' in page.text
        assert re.search(r"subject\.py:15 version \w{8} Schema", page.words)
        assert f"{PATH}?test=github.%2A#h-test" in page.links()

    def test_there_may_be_many(self, visitor, monkeypatch):
        from core.dashboard import types_page

        monkeypatch.setattr(types_page, "SHOWN", 2)
        page = visitor.get("/dashboard/types")
        assert "github.*" in page.words
        assert "order.placed" not in page.words
        following = [link for link in page.links() if "after=" in link]
        assert "order.placed" in visitor.get(following[0]).words
        assert "No type comes after these" in visitor.get("/dashboard/types?after=zzz").words

    def test_without_any_it_teaches(self, make_app):
        visitor = Visitor(make_app())
        assert "No type is declared yet" in visitor.get("/dashboard/types").words
        assert "No event type is declared" in visitor.get(PATH).words
        assert "There is no event type yet" in visitor.post(PATH, status=404).words


class TestSending:
    def test_the_form_is_that_of_the_schema(self, visitor):
        page = visitor.get(f"{PATH}?test=order.placed")
        [fields] = [fields for method, _, fields in page.forms if method == "post" and "data.order_id" in fields]
        assert fields["data.order_id"] == "88214"
        assert fields["data.email"] == "ann@example.org"
        assert {"data.gift", "data.size", "data.rating", "data.due", "data.address", "data.tags"} <= set(fields)
        assert {"email", "datetime-local", "checkbox"} <= page.values("type")
        assert "integer, required, at least 1" in page.words
        assert "one of these, optional, empty means small" in page.words
        assert "2 handlers will run, for real." in page.words
        assert "in Europe/Berlin" in page.words
        assert "It has no data of its own." in visitor.get(f"{PATH}?test=quiet.day").words
        assert "nothing runs" in visitor.get(f"{PATH}?test=quiet.day").words

    def test_what_is_sent_is_what_the_form_says(self, app, visitor):
        fields = {"order_id": "5", "email": "bob@example.org", "gift": "true", "size": "large", "rating": "4.5"}
        fields |= {"due": "2026-07-01T09:30", "address": '{"street": "Main"}', "tags": '["red"]'}
        page = visitor.post(f"{PATH}?test=order.placed", {f"data.{name}": text for name, text in fields.items()})
        assert "Sent: 2 handlers will run." in page.words
        assert "Sent by hand, from this dashboard" in page.words
        found = last(app)
        assert (found["type"], found["source"]) == ("order.placed", "/dashboard")
        assert found["data"] == {
            "order_id": 5,
            "email": "bob@example.org",
            "gift": True,
            "size": "large",
            "rating": 4.5,
            "due": "2026-07-01T09:30:00+02:00",
            "address": {"street": "Main"},
            "tags": ["red"],
        }

    def test_what_is_left_empty_has_its_default(self, app, visitor):
        visitor.post(f"{PATH}?test=order.placed", {"data.order_id": "5", "data.email": "", "data.address": " "})
        data = last(app)["data"]
        assert (data["email"], data["gift"], data["rating"], data["address"]) == ("ann@example.org", False, None, None)

    def test_the_same_form_counts_once(self, app, visitor):
        fields = {"data.order_id": "5", "nonce": "n1"}
        visitor.post(f"{PATH}?test=order.placed", fields)
        assert "nothing is added" in visitor.post(f"{PATH}?test=order.placed", fields).words
        assert len(events(app)) == 1
        visitor.post(f"{PATH}?test=order.placed", fields | {"data.order_id": "6"})
        visitor.post(f"{PATH}?test=order.placed", fields | {"nonce": "n2"})
        assert len(events(app)) == 3

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"order_id": "0"}, "Input should be greater than or equal to 1"),
            ({"order_id": "five"}, "unable to parse string as an integer"),
            ({"order_id": ""}, "Field required"),
            ({"order_id": "5", "size": "huge"}, "Input should be 'small' or 'large'"),
            ({"order_id": "5", "due": "soon"}, "Input should be a valid datetime"),
            ({"order_id": "5", "address": "{"}, "This is not JSON"),
            ({"order_id": "5", "address": '{"road": 1}'}, "street: Field required"),
            ({"order_id": "5", "tags": "red"}, "This is not JSON"),
            ({"order_id": "5", "tags": "[1]"}, "0: Input should be a valid string"),
            ({"order_id": "5", "rating": "nan", "note": "x"}, "JSON"),
            ({"order_id": "9" * 5000}, "order_id"),
        ],
    )
    def test_what_does_not_fit_is_said_at_its_field_and_kept(self, app, visitor, fields, said):
        page = visitor.post(
            f"{PATH}?test=order.placed&q=type:x", {f"data.{name}": text for name, text in fields.items()}, status=422
        )
        assert said in page.words
        for text in fields.values():
            assert text in page.values("value") or text in page.text or text == "huge" or "note" in fields
        assert "type:x" in page.values("value")
        assert events(app) == []

    def test_a_type_that_a_pattern_takes_is_sent_as_json(self, app, visitor):
        page = visitor.get(f"{PATH}?test=github.push")
        assert {"github.push", "github.*"} <= page.values("value")
        assert "1 handler will run, or more, for real." in page.words
        visitor.post(f"{PATH}?test=github.*", {"type": "github.push", "data": '{"ref": "main"}'})
        assert (last(app)["type"], last(app)["data"]) == ("github.push", {"ref": "main"})

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"type": "github.push", "data": "{"}, "This is not JSON"),
            ({"type": "github.push", "data": "[1]"}, "must be a JSON object"),
            ({"type": "github.push", "data": '{"a": 1, "a": 2}'}, "This is not JSON"),
            ({"type": "git.push", "data": "{}"}, "No class declares the event type"),
            ({"type": "", "data": "{}"}, "No class declares the event type"),
            ({"type": "github.a b", "data": "{}"}, "must be text that fits"),
            ({"type": "order.placed", "data": "{}"}, "order_id: Field required"),
        ],
    )
    def test_json_that_does_not_fit_is_said_and_kept(self, app, visitor, fields, said):
        page = visitor.post(f"{PATH}?test=github.*", fields, status=422)
        assert said in page.words
        assert fields["data"] in page.text
        assert events(app) == []

    def test_an_unknown_type_is_answered_with_a_form_of_another(self, api, visitor):
        order(api)
        for name in ("nonsense", "*", "<script>", "x" * 5000, "\x00"):
            page = visitor.get(f"{PATH}?test={quote(name)}")
            assert "data.order_id" in page.values("name")


class TestOne:
    def test_it_tells_what_led_to_it_and_what_came_of_it(self, app, api, visitor):
        ident = order(api, 7, subject="order 7")
        drain(app)
        page = visitor.get(f"{PATH}/{ident}")
        told = next(event["id"] for event in events(app) if event["type"] == "order.told")
        assert "Sent as /api" in page.words
        assert "Event order.placed accepted with 2 runs" in page.words
        assert re.search(r"receipt succeeded in \d+ ms", page.words)
        assert "Event order.told accepted with 1 run" in page.words
        assert f"{PATH}/{told}" in page.links()
        assert f"/dashboard/runs/{ident}.0" in page.links()
        assert '"order_id": 7' in page.text
        assert re.search(r"handlers now\s*receipt, archive", page.words)
        assert re.search(r"subject\s*order 7 time.*, as sent\s*accepted", page.words)
        child = visitor.get(f"{PATH}/{told}")
        assert "Emitted by receipt, for order.placed" in child.words
        assert f"{PATH}/{ident}" in child.links()

    def test_it_is_live_while_a_run_is_open(self, app, api, visitor):
        ident = order(api)
        page = visitor.get(f"{PATH}/{ident}")
        assert "2 runs still open" in page.words
        assert "data-live" in page.names
        drain(app)
        assert "data-live" not in visitor.get(f"{PATH}/{ident}").names

    def test_one_that_nobody_answers(self, app, visitor):
        visitor.post(f"{PATH}?test=quiet.day")
        assert "It has no runs" in visitor.get(f"{PATH}/{last(app)['id']}").words

    @pytest.mark.parametrize("ident", ["nothing", "x.0", "%00", "%ff", "..", "a*", "x" * 3000])
    def test_one_that_is_gone_is_said_to_be_past_its_retention(self, visitor, ident):
        page = visitor.get(f"{PATH}/{ident}", 404)
        assert "retention is over" in page.words or "no page" in page.words

    def test_a_large_payload_is_folded(self, api, visitor):
        data = {"items": [{"id": n, "text": '<"quoted">' * 8} for n in range(1700)]}
        ident = api.send("/events", {"type": "github.big", "data": data})["id"]
        page = visitor.get(f"{PATH}/{ident}")
        assert len(page.html) < 150_000
        assert "Only the beginning of it." in page.words
        assert "too many for a form" in page.words
        assert f"/api/v1/events/{ident}" in page.links()

    def test_data_that_would_swell_a_page_are_not_put_into_a_form(self, api, visitor, monkeypatch):
        quotes = api.send("/events", {"type": "github.big", "data": {"text": '"' * 9000}})["id"]
        assert "too many for a form" in visitor.get(f"{PATH}/{quotes}").words
        large = api.send("/events", {"type": "github.big", "data": {"text": "x" * 90_000}})["id"]
        monkeypatch.setattr(event_page, "spelled", None)  # to lay out megabytes takes long
        assert "too many for a form" in visitor.get(f"{PATH}/{large}").words

    def test_a_chain_ends_somewhere(self, app, api, visitor, monkeypatch):
        ident = api.send("/events", {"type": "loop.round", "data": {"left": 6}})["id"]
        drain(app)
        assert visitor.get(f"{PATH}/{ident}").words.count("Event loop.round accepted") == descent.DEEPEST
        monkeypatch.setattr(descent, "MOST", 4)
        assert visitor.get(f"{PATH}/{ident}").html.count('class="lv ') == 4
        monkeypatch.setattr(descent, "MOST", 3)
        assert visitor.get(f"{PATH}/{ident}").html.count('class="lv ') == 3

    @pytest.mark.parametrize("words", HOSTILE)
    def test_words_of_strangers_stay_words(self, app, visitor, words):
        with app.app_context():
            event = house(app).catalog.event("github.push", {words: [words, {words: words}]})
            ident = emit(event, source="/" + words.replace(" ", ""), subject=words).id
        drain(app)
        for path in (PATH, f"{PATH}/{ident}", f"{PATH}?q={quote(words)}&test={quote(words)}"):
            page = visitor.get(path, 422 if "?" in path else 200)
            assert not page.tags & {"img", "iframe"}
            assert not any(name.startswith("on") for name in page.names)
            assert "1337" not in page.text


class TestReplaying:
    @pytest.fixture
    def failed(self, app, api):
        ident = order(api, 13)
        drain(app)
        return ident

    def test_what_failed_alone(self, app, visitor, failed):
        assert "Replay the 1 failed" in visitor.get(f"{PATH}/{failed}").words
        page = visitor.post(f"{PATH}/{failed}/replay", only="failed")
        assert "Replayed: 1 new run." in page.words
        assert f"Replay of event {failed}" in page.words
        assert [run["task"] for run in last(app)["runs"]] == ["receipt"]

    def test_all_of_it_once_for_each_form(self, app, visitor, failed):
        visitor.post(f"{PATH}/{failed}/replay", only="all", nonce="n1")
        page = visitor.post(f"{PATH}/{failed}/replay", only="all", nonce="n1")
        assert "replayed already" in page.words
        assert len(events(app)) == 2
        visitor.post(f"{PATH}/{failed}/replay", only="all", nonce="n2")
        assert len(events(app)) == 3

    def test_with_other_data_for_chosen_handlers(self, app, visitor, failed):
        page = visitor.post(f"{PATH}/{failed}/replay", {"data": '{"order_id": 14}', "tasks": "receipt", "nonce": "n"})
        assert "Replayed: 1 new run." in page.words
        assert last(app)["data"]["order_id"] == 14
        assert last(app)["replay_of"] == failed
        drain(app)
        assert runs(app, task="receipt")[0]["state"] == "succeeded"

    @pytest.mark.parametrize(
        ("data", "tasks", "said"),
        [
            ("{", "receipt", "This is not JSON"),
            ('{"order_id": 0}', "receipt", "greater than or equal to 1"),
            ('{"no": 0}', "receipt", "Field required"),
            ("[]", "receipt", "order.placed does not fit"),
            ('{"order_id": 14}', "nobody", "no task that answers order.placed"),
            ('{"order_id": 14}', [], "No task is ticked"),
            ("[" * 5000, "receipt", "This is not JSON"),
        ],
    )
    def test_what_does_not_fit_is_said_and_kept(self, app, visitor, failed, data, tasks, said):
        page = visitor.post(f"{PATH}/{failed}/replay", {"data": data, "tasks": tasks}, status=422)
        assert said in page.words
        assert data in page.text
        assert "open" in page.names
        assert len(events(app)) == 1

    def test_what_cannot_be_replayed_is_said(self, app, visitor, api):
        ident = order(api)
        drain(app)
        assert "nothing failed" in visitor.post(f"{PATH}/{ident}/replay", only="failed", status=409).words
        visitor.post(f"{PATH}/nothing/replay", only="all", status=404)
        visitor.post(f"{PATH}/nothing/replay", {"data": "{}"}, status=404)


def test_who_may_only_look_sees_no_buttons(make_app):
    app = make_app(HANDLERS, env="production", dashboard_read_password="only to read with")
    ident = order(Api(app), 13)
    visitor = Visitor(app, secure=True)
    visitor.sign_in("only to read with")
    for path in (PATH, f"{PATH}/{ident}", "/dashboard/types"):
        page = visitor.get(path)
        assert not [action for method, action, _ in page.forms if method == "post" and "logout" not in action]
        assert "Replay" not in page.words
        assert "Send one" not in page.words
    token = visitor.token(PATH)
    for path in (PATH, f"{PATH}/{ident}/replay"):
        assert "it takes the right events." in visitor.post(path, status=403, form_token=token).words
    assert len(events(app)) == 1
