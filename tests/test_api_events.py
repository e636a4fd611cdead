"""/api/v1/events: what is taken in which form, what is refused with which words, what is given back."""

import gzip
import json
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
import redis

from core.testing import API_TOKEN, application, drain, events, runs, server

HANDLERS = """
    from core import *

    class Placed(Event, type="order.placed"):
        order_id: int
        price: float = 0

    @on(Placed)
    def send(event: Placed) -> int: return event.order_id

    @on("note.*")
    def archive(event: Event) -> dict: return event.data
"""
URL = "/api/v1/events"
CLOUD, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
ID = r"[0-9A-Za-z]{17}"


class Api:
    """A client that bears the token and reads problems."""

    def __init__(self, app) -> None:
        self.client = app.test_client()

    def post(self, body, content_type="application/json", url=URL, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        bearer = {"Authorization": f"Bearer {API_TOKEN}"}
        return self.client.post(url, data=data, content_type=content_type, headers=bearer | named)

    def get(self, url):
        return self.client.get(url, headers={"Authorization": f"Bearer {API_TOKEN}"})

    def refused(self, status, slug, answer) -> dict:
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        found = answer.get_json(force=True)
        assert (found["type"], found["status"]) == (f"/problems/{slug}", status), found
        assert {"title", "detail", "instance", "trace_id"} <= set(found)
        return found

    def pointers(self, slug, answer) -> set:
        return {error["pointer"] for error in self.refused(422, slug, answer)["errors"]}


@pytest.fixture
def api(app):
    return Api(app)


def cloud(**changes) -> dict:
    usual = {"specversion": "1.0", "id": "a-1", "source": "/shop", "type": "order.placed", "data": {"order_id": 7}}
    return {name: value for name, value in (usual | changes).items() if value is not ...}


PLAIN = {"type": "order.placed", "data": {"order_id": 7}}


class TestForms:
    def test_plain(self, app, api):
        answer = api.post(PLAIN)
        [run] = runs(app)
        assert (answer.status_code, answer.content_type) == (202, "application/json")
        said = answer.get_json()
        assert said == {
            "id": said["id"],
            "type": "order.placed",
            "runs": [{"id": run["id"], "task": run["task"]}],
            "duplicate": False,
            "durability": "everysec",
        }
        assert (run["event"], events(app)[0]["source"]) == ({"id": said["id"], "type": "order.placed"}, "/api")
        assert drain(app)[0]["result"] == 7

    def test_plain_with_everything(self, app, api):
        given = {"id": "x/1", "source": "https://shop/", "subject": "Order 7", "time": "2026-11-22t09:00:00.5+01:00"}
        shown = api.get(f"{URL}/{api.post(PLAIN | given).get_json()['id']}").get_json()
        assert shown["attributes"] == {"specversion": "1.0", "type": "order.placed", **given}

    @pytest.mark.parametrize("media", [CLOUD, CLOUD.upper(), f"{CLOUD}; charset=utf-8"])
    def test_structured(self, api, media):
        given = cloud(subject="Ünï", time="2026-11-22T09:00:00Z", dataschema="urn:x", trace="a\x00b", n=5, yes=True)
        ident = api.post(given, media).get_json()["id"]
        assert api.get(f"{URL}/{ident}").get_json()["attributes"] == {n: v for n, v in given.items() if n != "data"}

    def test_binary(self, api):
        names = {"ce_specversion": "1.0", "CE_ID": "b%2D1", "Ce_Source": '"/shop"', "ce_type": "order.placed"}
        answer = api.post({"order_id": 7}, **names, ce_subject="Euro%20%E2%82%AC", ce_ext="5")
        shown = api.get(f"{URL}/{answer.get_json()['id']}").get_json()
        assert shown["data"] == {"order_id": 7, "price": 0}
        assert shown["attributes"].items() >= {"id": "b-1", "source": "/shop", "subject": "Euro €", "ext": "5"}.items()
        assert api.pointers("invalid-event", api.post({}, ce_id="1")) == {"/specversion", "/source", "/type"}

    def test_binary_without_data(self, api):
        names = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/shop", "ce_type": "note.x"}
        assert api.post(b"", None, **names).status_code == 202
        api.refused(400, "malformed-json", api.post(b""))

    def test_batch(self, app, api):
        given = [cloud(id="1"), cloud(id="2", type="note.x", data={}), cloud(id="1")]
        answer = api.post(given, BATCH)
        assert answer.status_code == 202
        assert [(one["type"], one["duplicate"]) for one in answer.get_json()] == [
            ("order.placed", False),
            ("note.x", False),
            ("order.placed", True),
        ]
        assert api.post([], BATCH).get_json() == []
        assert api.pointers("invalid-event", api.post({}, BATCH)) == {""}

    def test_a_batch_is_refused_whole(self, app, api):
        given = [cloud(), cloud(id="a b", type=...), 5, cloud(type="order.plced"), cloud(data={"order_id": "x"})]
        given += [cloud(id="nan", data={"order_id": 1, "price": "NaN"})]
        answer = api.post(given, BATCH)
        assert api.pointers("batch-invalid", answer) == {"/1/id", "/1/type", "/2", "/3", "/4/data/order_id", "/5/data"}
        assert events(app) == []
        partial = api.post(given, BATCH, f"{URL}?partial=true")
        assert partial.status_code == 200
        kinds = [one.get("type") for one in partial.get_json()]
        assert kinds == ["order.placed", *(f"/problems/{s}" for s in ("invalid-event", "invalid-event"))] + [
            f"/problems/{s}" for s in ("unknown-event-type", "invalid-event", "invalid-event")
        ]
        assert len(events(app)) == 1

    def test_a_batch_with_a_used_id_says_what_was_recorded(self, app, api):
        answer = api.post([cloud(id="1"), cloud(id="1", data={"order_id": 8}), cloud(id="3")], BATCH)
        found = api.refused(422, "batch-invalid", answer)
        assert (found["errors"][0]["pointer"], len(events(app))) == ("/1", 2)  # one behind it is recorded too
        assert "The 1 before it were recorded" in found["detail"]

    def test_gzip(self, api):
        assert api.post(gzip.compress(json.dumps(PLAIN).encode()), Content_Encoding="gzip").status_code == 202
        bomb = gzip.compress(b" " * 300_000)
        api.refused(413, "content-too-large", api.post(bomb, Content_Encoding="gzip"))
        api.refused(415, "unsupported-encoding", api.post(b"{}", Content_Encoding="br"))


class TestRefusals:
    @pytest.mark.parametrize("media", [None, "", "text/json", "application/xml", "application/x-www-form-urlencoded"])
    def test_media_types(self, api, media):
        answer = api.post(PLAIN, media)
        api.refused(415, "unsupported-media-type", answer)
        assert "application/cloudevents+json" in answer.headers["Accept-Post"]

    @pytest.mark.parametrize(
        ("body", "slug"),
        [(body, "malformed-json") for body in (b"{", b"\xff", b'{"a":NaN}', b'{"a":1,"a":1}', b'"\\ud800"')]
        + [(body, "json-too-complex") for body in (b"[" * 33 + b"]" * 33, b"9007199254740993", b"1e999")],
    )
    def test_bodies(self, api, body, slug):
        api.refused(400, slug, api.post(body))

    def test_too_large(self, api):
        assert api.post(PLAIN | {"data": {"order_id": 7, "x": "y" * 262_000}}).status_code == 422
        api.refused(413, "content-too-large", api.post(b" " * 262_145))

    @pytest.mark.parametrize(
        ("body", "wanted"),
        [
            ([], {""}),
            ("text", {""}),
            ({}, {"/type"}),
            (PLAIN | {"id": "a b", "source": "", "subject": 5}, {"/id", "/source", "/subject"}),
            (PLAIN | {"id": "x" * 129}, {"/id"}),
            (PLAIN | {"type": "order placed"}, {"/type"}),
            (PLAIN | {"who~/": 1}, {"/who~0~1"}),
            (PLAIN | {"data": {"order_id": "x", "a/b~": 1}}, {"/data/order_id", "/data/a~1b~0"}),
            (PLAIN | {"data": {"order_id": 1, "price": "NaN"}}, {"/data"}),
            (PLAIN | {"data": None}, {"/data"}),
            ({"type": "note.x", "data": [1]}, {"/data"}),
        ],
    )
    def test_plain_fields(self, app, api, body, wanted):
        assert api.pointers("invalid-event", api.post(body)) == wanted
        assert events(app) == []

    @pytest.mark.parametrize(
        ("changes", "wanted"),
        [
            ({"specversion": "0.3", "id": ...}, {"/specversion", "/id"}),
            ({"Extension": "x"}, {"/Extension"}),
            ({"ext": {"deep": 1}}, {"/ext"}),
            ({"ext": "\U0001f600" * 260}, {""}),
            ({"dataschema": "x" * 257}, {"/dataschema"}),
            ({"dataschema": [1]}, {"/dataschema"}),
            ({"datacontenttype": "text/plain"}, {"/datacontenttype"}),
            ({"datacontenttype": "application/json;" + "x" * 1024}, {""}),
            ({"data_base64": "eA==", "data": ...}, {"/data_base64"}),
        ],
    )
    def test_attributes(self, api, changes, wanted):
        assert api.pointers("invalid-event", api.post(cloud(**changes), CLOUD)) == wanted

    @pytest.mark.parametrize(
        "time",
        ["", 5, "yesterday", "2026-11-22", "2026-11-22T09:00:00", "20261122T090000Z", "2026-W47-7T09:00:00Z"]
        + ["2026-11-22T09:00:00." + "0" * 5000 + "Z", "2026-13-22T09:00:00Z", "٢٠٢٦-11-22T09:00:00Z"]
        + [pytest.param((datetime.now(UTC) + timedelta(hours=25)).isoformat(), id="over a day ahead")],
    )
    def test_times(self, api, time):
        assert api.pointers("invalid-event", api.post(PLAIN | {"time": time})) == {"/time"}

    def test_unknown_type_names_near_ones(self, app, api):
        found = api.refused(422, "unknown-event-type", api.post({"type": "order.plced", "data": {}}))
        assert "order.placed" in found["detail"]
        assert events(app) == []

    def test_the_longest_attributes_do_not_break_the_list(self, api):
        long = {"id": "x" * 128, "source": "\U0001f600" * 256, "subject": "\U0001f600" * 256}
        assert api.post(cloud(**long, ext="\U0001f600" * 250), CLOUD).status_code == 202
        [item] = api.get(URL).get_json()["items"]
        assert item["attributes"].items() >= long.items()


class TestSameAgain:
    def test_the_same_id(self, app, api):
        first, again = (api.post(cloud(time=time), CLOUD) for time in ("2026-11-22T09:00:00Z", "2026-11-22T09:00:01Z"))
        assert again.status_code == 202
        assert again.get_json() == first.get_json() | {"duplicate": True}
        api.refused(422, "idempotency-mismatch", api.post(cloud(data={"order_id": 8}), CLOUD))
        assert len(runs(app)) == 1

    def test_idempotency_key(self, app, api):
        first, again, quoted = (api.post(PLAIN, Idempotency_Key=key) for key in ("k 1", "k 1", '"k 1"'))
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == quoted.headers["Idempotency-Replayed"] == "true"
        assert again.get_json() == quoted.get_json() == first.get_json() | {"duplicate": True}
        other = PLAIN | {"data": {"order_id": 8}}
        api.refused(422, "idempotency-mismatch", api.post(other, Idempotency_Key="k 1"))
        assert len(runs(app)) == 1

    @pytest.mark.parametrize("key", ["", '""', "x" * 256, "ké", "a\tb", '"half', 'a"b'])
    def test_odd_idempotency_keys(self, app, api, key):
        api.refused(400, "idempotency-key-invalid", api.post(PLAIN, Idempotency_Key=key))
        api.refused(400, "idempotency-key-invalid", api.post([cloud()], BATCH, Idempotency_Key=key))
        assert events(app) == []


def test_without_a_ledger_nothing_is_called_invalid(package):
    with server() as url, application(url, packages=(package(subject=HANDLERS),)) as app:
        api = Api(app)
        with redis.Redis.from_url(url) as client:
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
        batch = json.dumps([cloud(), cloud(id="2")]).encode()
        for answer in (api.post(PLAIN), api.post(batch, BATCH), api.post(batch, BATCH, f"{URL}?partial=true")):
            found = api.refused(503, "ledger-unavailable", answer)
            assert answer.headers["Retry-After"] == "2"
            assert "carillon-" not in json.dumps(found)
        lists = [f"/api/v1/{name}" for name in ("runs", "runs/x", "schedules", "stats", "workers", "queues")]
        for url_ in (URL, f"{URL}/x", *lists):
            api.refused(503, "ledger-unavailable", api.get(url_))
        for act in ("runs/x/retry", "runs/x/cancel", "events/x/replay"):
            api.refused(503, "ledger-unavailable", api.post({}, url=f"/api/v1/{act}"))
        for act in ("retry", "cancel"):
            api.refused(503, "ledger-unavailable", api.post({"state": "dead"}, url=f"/api/v1/runs/{act}"))
