"""/hooks/github: who may deliver, what becomes of it; and the handlers and the digest that come with the house."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from core.house import house
from core.testing import WEBHOOK_SECRET, application, drain, events, fire_due, runs

HANDLERS = """
    from core import *

    class Pushed(Event, type="github.push"):
        ref: str

    @on(Pushed)
    def typed(event: Event) -> str: return event.data.get("ref")

    @on("github.issues.*")
    def issues(event: Event) -> str: return event.type
"""
PUSH = {"ref": "refs/heads/main", "commits": [], "repository": {"full_name": "octo/house"}}
ISSUE = {"action": "opened", "repository": {"full_name": "octo/house"}}


def signature(body: bytes, secret: str = WEBHOOK_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(app, payload, event="push", *, source="github", form=False, secret=WEBHOOK_SECRET, **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    body = urlencode({"payload": body.decode()}).encode() if form else body
    usual = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": signature(body, secret),
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json; charset=utf-8",
    }
    given = usual | {name.replace("_", "-"): text for name, text in headers.items()}
    given = {name: text for name, text in given.items() if text is not None}
    return app.test_client().post(f"/hooks/{source}", data=body, headers=given)


def slug(answer) -> str:
    assert answer.content_type == "application/problem+json", answer.text
    return answer.get_json(force=True)["type"].removeprefix("/problems/")


@pytest.fixture
def app(make_app):
    return make_app(HANDLERS, webhook_secrets={"github": (WEBHOOK_SECRET, "old-secret"), "stripe": ("s",)})


class TestDeliveries:
    def test_a_signed_one_becomes_an_event_with_its_raw_data(self, app):
        answer = deliver(app, PUSH, X_GitHub_Delivery="d-1")
        assert answer.status_code == 202
        [event] = events(app)
        assert answer.get_json() == {
            "id": event["id"],
            "type": "github.push",
            "runs": [{"id": run["id"], "task": run["task"]} for run in event["runs"]],
            "duplicate": False,
            "durability": "everysec",
        }
        assert (event["source"], event["subject"], event["data"]) == ("/hooks/github", "octo/house", PUSH)
        assert event["attributes"]["id"] == "d-1"

    def test_typed_handlers_and_listeners_hear_it_too(self, app):
        heard = []
        pushed = house(app).catalog.types["github.push"]
        with pushed.signal.connected_to(lambda sender, event, **_: heard.append(event), app):
            deliver(app, PUSH)
        assert heard == [pushed(ref="refs/heads/main")]
        [run] = drain(app)
        assert (run["task"].rpartition(".")[2], run["result"]) == ("typed", "refs/heads/main")

    def test_what_does_not_fit_the_type_is_recorded_and_its_run_says_so(self, app):
        assert deliver(app, {"ref": 5}).status_code == 202
        [run] = drain(app)
        assert (run["state"], run["error"]["reason"]) == ("dead", "schema_mismatch")

    def test_a_type_that_nobody_wants_is_recorded(self, app):
        for event in ("ping", "star"):
            answer = deliver(app, {"zen": "Keep it logically awesome."}, event)
            assert (answer.status_code, answer.get_json()["runs"]) == (202, [])
        assert [event["type"] for event in events(app)] == ["github.star", "github.ping"]

    def test_the_same_delivery_twice_is_one_event(self, app):
        first, again = (deliver(app, ISSUE, "issues", X_GitHub_Delivery="d-1") for _ in range(2))
        assert again.status_code == 202
        assert again.get_json() == first.get_json() | {"duplicate": True}
        assert len(runs(app)) == len(events(app)) == 1
        other = deliver(app, ISSUE | {"n": 1}, "issues", X_GitHub_Delivery="d-1")
        assert (other.status_code, slug(other)) == (422, "idempotency-mismatch")

    def test_forms(self, app):
        assert deliver(app, ISSUE, "issues", form=True).status_code == 202
        assert [(event["type"], event["data"]) for event in events(app)] == [("github.issues.opened", ISSUE)]

    def test_secrets_in_rotation(self, app):
        assert deliver(app, PUSH, secret="old-secret").status_code == 202
        assert deliver(app, PUSH, secret="s").status_code == 401

    @pytest.mark.parametrize(
        "given",
        [None, "", "sha256=", "sha256=00", "sha1=x", signature(b"{}"), "sha256=\xe9", "x" * 9000]
        + [signature(json.dumps(PUSH).encode(), "wrong"), signature(json.dumps(PUSH).encode()).upper()],
    )
    def test_signatures_that_are_wrong(self, app, given):
        answer = deliver(app, PUSH, X_Hub_Signature_256=given)
        assert (answer.status_code, slug(answer)) == (401, "invalid-signature")
        assert events(app) == []

    @pytest.mark.parametrize("source", ["gitlab", "stripe", "GitHub", "x" * 9000, "%00", "..", "é"])
    def test_sources_that_are_none(self, app, source):
        answer = deliver(app, PUSH, source=source)
        assert (answer.status_code, slug(answer)) == (404, "not-found")

    def test_without_a_secret_there_is_no_source(self, make_app):
        app = make_app(HANDLERS, webhook_secrets={})
        for secret in ("", "x"):
            assert deliver(app, PUSH, secret=secret).status_code == 404

    @pytest.mark.parametrize(
        ("body", "wanted"),
        [
            (b"", "malformed-json"),
            (b"[]", "malformed-json"),
            (b"{", "malformed-json"),
            (b'{"a":' + b"[" * 250 + b"]" * 250 + b"}", "json-too-complex"),
        ],
    )
    def test_signed_but_unparsable(self, app, body, wanted):
        answer = deliver(app, body)
        assert (answer.status_code, slug(answer)) == (400, wanted)

    def test_deep_and_odd_bodies_are_kept_and_shown(self, app):
        deep = json.loads("[" * 198 + "]" * 198)
        assert deliver(app, {"a": deep, "repository": {"full_name": "x" * 9000}}, "issues").status_code == 202
        [event] = events(app)
        assert (event["data"]["a"], event["subject"]) == (deep, None)
        assert app.test_client().get("/").status_code == 200

    @pytest.mark.parametrize("name", ["X_GitHub_Event", "X_GitHub_Delivery"])
    def test_headers_that_are_missing_or_odd(self, app, name):
        for text in (None, "", "a b", "x" * 200, "é"):
            answer = deliver(app, PUSH, **{name: text})
            assert (answer.status_code, slug(answer)) == (400, "bad-request")
        assert events(app) == []


class TestLargeBodies:
    def test_up_to_the_limit(self, make_app):
        app = make_app(HANDLERS, hook_max_body=5_000_000)
        filler = "x" * (5_000_000 - len(json.dumps({"a": ""})))
        assert deliver(app, {"a": filler}, "issues").status_code == 202
        assert len(events(app)[0]["data"]["a"]) == len(filler)
        answer = deliver(app, {"a": f"{filler}x"}, "issues")
        assert (answer.status_code, slug(answer)) == (413, "content-too-large")

    def test_they_do_not_hold_up_the_event_loop(self, app):
        form = urlencode({"payload": json.dumps({"a": ['x"y{}<'] * 140_000})}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        begun = time.monotonic()
        deliver(app, form, "issues", **headers)
        alone = time.monotonic() - begun
        sender = threading.Thread(target=lambda: deliver(app, form, "issues", **headers))
        longest = 0.0

        async def pulse() -> None:
            nonlocal longest
            while sender.is_alive():
                begun = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - begun)

        sender.start()
        house(app).loop.run(pulse())
        sender.join()
        assert len(events(app)) == 2
        assert len(form) > 3_500_000
        assert longest < alone / 2  # what would hold up the loop is most of the work, however slow the machine


def test_the_handlers_of_the_house(server_url):
    day = datetime(2026, 11, 22, 10, 1, tzinfo=UTC)
    with application(server_url, prefix=f"t{uuid.uuid4().hex[:10]}") as app:
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        repository = f"octo/{uuid.uuid4().hex}"
        for event, payload in (
            ("push", {}),
            ("issues", {"action": "opened"}),
            ("push", {}),
            ("star", {"action": "created"}),
        ):
            assert deliver(app, payload | {"repository": {"full_name": repository}}, event).status_code == 202
        done = drain(app)
        assert [run["state"] for run in done] == ["succeeded"] * 4
        kinds = {"push": 2, "issues.opened": 1, "star.created": 1}
        assert {"repository": repository, "total": 4, "kinds": kinds} in [run["result"] for run in done]

        here = house(app)
        handler = here.catalog.task("handlers.github.keep_activity")
        assert handler is not None

        def shown() -> dict:
            from handlers.github import summary

            with app.app_context():
                return summary(today, repository).model_dump()

        before = shown()
        assert (before["total"], before["kinds"]) == (4, kinds)
        again_after_a_crash(app, handler, done[0]["id"].rpartition(".")[0])
        assert shown() == before

        fire_due(app, day)
        fire_due(app, day + timedelta(hours=1))
        jobs = {run["task"]: run for run in drain(app)}
        assert jobs["schedules.digest.hourly_digest"]["state"] == "succeeded"
        assert jobs["handlers.github.write_digest"]["result"].keys() == {"day", "deliveries", "text"}


def again_after_a_crash(app, handler, event: str) -> None:
    """Call *handler* once more for *event*, as a second attempt would."""
    from core.calling import call
    from core.current import Current, bound

    here = house(app)
    record = here.ledger.client.get(here.keys.record(event))
    cause = here.bus.keyring.open(record)
    current = Current(id="again", task=handler.name, attempt=2, cause=cause, note=lambda *_: None)
    with app.app_context(), bound(current):
        call(handler, here.catalog, cause, here.loop)
