"""Webhooks, seen by who operates them: what was accepted and refused, on the page and over HTTP."""

import re
import subprocess
import threading

import pytest
from test_hooks import ISSUE, PUSH, deliver, signature
from visiting import Visitor
from werkzeug.serving import make_server

from core.house import house
from core.ledger.refusals import A_MINUTE, KEPT, Refusal, refusals, refuse
from core.testing import WEBHOOK_SECRET, events

HANDLERS = """
    from core import *

    @on("github.*", name="archive")
    def archive(event: Event) -> None: ...

    @on("*.opened", name="greet")
    def greet(event: Event) -> None: ...

    @on("order.*", name="other")
    def other(event: Event) -> None: ...
"""
HOSTILE = '"><img src=x onerror=alert(1)>'


def github(api):
    [item] = api.get("/webhooks")["items"]
    return item


def reasons(app):
    here = house(app)
    noted, _ = here.ledger.run(refusals(here.keys, "github", KEPT, 0))
    return [one.reason for one in noted]


class TestOverHttp:
    def test_what_is_counted(self, app, api):
        assert github(api) == {
            "source": "github",
            "address": "/hooks/github",
            "configured": True,
            "secrets": 1,
            "last_hour": 0,
            "last_24h": 0,
            "refused_last_hour": 0,
            "last_refused": None,
        }
        deliver(app, PUSH), deliver(app, ISSUE, "issues"), deliver(app, PUSH, secret="wrong", X_GitHub_Delivery="d-9")
        found = github(api)
        assert (found["last_hour"], found["last_24h"], found["refused_last_hour"]) == (2, 2, 1)
        refused = found["last_refused"]
        assert (refused["reason"], refused["address"], refused["delivery"]) == ("signature wrong", "127.0.0.1", "d-9")
        assert refused["at"].endswith("Z")

    def test_what_is_older_is_not_of_the_last_hour(self, app, api):
        deliver(app, PUSH)
        here = house(app)
        [[event, place]] = here.ledger.client.zrange(here.keys.source("/hooks/github"), 0, 0, withscores=True)
        for hours, counted in ((2, (0, 1)), (25, (0, 0))):
            moved = place - hours * 3_600_000 * 1024
            here.ledger.client.zadd(here.keys.source("/hooks/github"), {event: moved})
            assert (github(api)["last_hour"], github(api)["last_24h"]) == counted

    def test_sources_that_are_not_set_up_or_not_understood(self, make_app):
        app = make_app(HANDLERS, webhook_secrets={"stripe": ("a", "b")})
        answer = app.test_client().get("/api/v1/webhooks?limit=5", headers={"Authorization": "Bearer test-token"})
        found = [(one["source"], one["configured"], one["secrets"]) for one in answer.get_json()["items"]]
        assert found == [("github", False, 0), ("stripe", False, 2)]

    def test_odd_queries(self, api):
        assert api.get("/webhooks?x=1", 400)["type"] == "/problems/bad-query"


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (None, "signature missing"),
            ("", "signature missing"),
            ("sha1=x", "signature malformed"),
            ("sha256=é", "signature malformed"),
            ("x" * 9000, "signature malformed"),
            (signature(b"other"), "signature wrong"),
        ],
    )
    def test_of_the_signature(self, app, given, reason):
        assert deliver(app, PUSH, X_Hub_Signature_256=given).status_code == 401
        assert reasons(app) == [reason]

    def test_of_what_was_signed(self, app):
        (
            deliver(app, b"[]"),
            deliver(app, PUSH, X_GitHub_Event="p u"),
            deliver(app, b'{"a":' + b"[" * 250 + b"]" * 250 + b"}"),
        )
        deliver(app, PUSH, X_GitHub_Delivery="d"), deliver(app, ISSUE, X_GitHub_Delivery="d")
        assert reasons(app) == [
            "signed, but its id came before with other content",
            "signed, but its body is too complex",
            "signed, but a header or the action is missing or odd",
            "signed, but its body is no JSON object",
        ]

    def test_nothing_of_the_body_is_kept_and_no_odd_id(self, app):
        for delivery in (HOSTILE, "x" * 200, "a b", None):
            deliver(app, b"secret words", secret="wrong", X_GitHub_Delivery=delivery)
        here = house(app)
        noted = here.ledger.client.lrange(here.keys.refused("github"), 0, -1)
        assert len(noted) == 4
        assert not [one for one in noted if b"secret words" in one or b'"delivery": ""' not in one]

    def test_a_flood_fills_nothing_and_is_counted(self, app):
        here = house(app)
        refusal = Refusal(at="2026-11-26T12:00:00Z", reason="r", address="a" * 9000)
        for minute in range(100, 104):
            for _ in range(A_MINUTE + 5):
                here.ledger.run(refuse(here.keys, "github", refusal, minute))
            noted, _ = here.ledger.run(refusals(here.keys, "github", 1000, minute))
            assert len(noted) == min((minute - 99) * A_MINUTE, KEPT)
        noted, count = here.ledger.run(refusals(here.keys, "github", 1000, 103))
        assert (len(noted), count) == (KEPT, 4 * (A_MINUTE + 5))
        assert len(noted[0].address) == 200
        assert here.ledger.run(refusals(here.keys, "github", 1, 161))[1] == 2 * (A_MINUTE + 5)
        keys = here.ledger.client.keys(f"*{here.keys.prefix}*refused*")
        assert len(keys) == 5
        assert all(0 < here.ledger.client.ttl(key) <= 7 * 86_400 for key in keys)

    def test_sources_that_are_none_leave_nothing(self, app):
        for source in ("gitlab", "x" * 9000):
            assert deliver(app, PUSH, source=source).status_code == 404
        here = house(app)
        assert here.ledger.client.keys(f"*{here.keys.prefix}*refused*") == []

    def test_a_full_server_is_no_reason_to_answer_otherwise(self, app):
        client = house(app).ledger.client
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", 1)
        try:
            assert deliver(app, PUSH, secret="wrong").status_code == 401
        finally:
            client.config_set("maxmemory", before)
        assert reasons(app) == []

    def test_nor_is_a_ledger_that_is_away(self, make_app):
        assert deliver(make_app(HANDLERS, redis_url="redis://127.0.0.1:1/0"), PUSH, secret="wrong").status_code == 401


class TestPage:
    def test_deliveries_and_their_runs(self, app, visitor):
        deliver(app, ISSUE, "issues", X_GitHub_Delivery="d-1"), deliver(app, PUSH, secret="wrong")
        [event] = events(app)
        page = visitor.get("/dashboard/webhooks")
        assert {f"/dashboard/events/{event['id']}", *(f"/dashboard/runs/{run['id']}" for run in event["runs"])} <= set(
            page.links()
        )
        assert "http://localhost/hooks/github" in page.words
        assert "github.issues.opened octo/house d-1" in page.words
        assert "*.opened greet, github.* archive" in page.words
        assert "1 in the last hour, 1 in 24 hours" in page.words
        assert "signature wrong 127.0.0.1" in page.words

    def test_an_event_that_nobody_answers(self, make_app):
        app = make_app("")
        deliver(app, PUSH)
        words = Visitor(app).get("/dashboard/webhooks").words
        assert "none: no handler answers it" in words
        assert "nobody: deliveries are recorded, and make no runs" in words

    def test_without_a_secret_it_teaches(self, make_app):
        page = Visitor(make_app(HANDLERS, webhook_secrets={"stripe-live": ("x",)})).get("/dashboard/webhooks")
        assert "GITHUB_WEBHOOK_SECRET is not set, so every delivery is answered with 404" in page.words
        assert "Tell GitHub" in page.words
        assert "STRIPE_LIVE_WEBHOOK_SECRET is set, but deliveries of stripe-live are not understood" in page.words

    def test_secrets_in_rotation_are_told_and_none_is_shown(self, make_app):
        app = make_app(HANDLERS, webhook_secrets={"github": ("first-secret", "second-secret")})
        page = Visitor(app).get("/dashboard/webhooks")
        assert "2 in GITHUB_WEBHOOK_SECRET; each of them is taken" in page.words
        assert "first-secret" not in page.html

    def test_words_of_strangers_stay_words(self, app, visitor):
        deliver(app, {"repository": {"full_name": HOSTILE}}, "star")
        here = house(app)
        refusal = Refusal(at="never", reason=HOSTILE, address=HOSTILE, delivery=HOSTILE)
        here.ledger.run(refuse(here.keys, "github", refusal, 0))
        page = visitor.get("/dashboard/webhooks")
        assert "img" not in page.tags
        assert page.words.count(HOSTILE) == 4

    def test_the_commands_on_the_page_sign_a_delivery(self, app, visitor):
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            base = f"http://127.0.0.1:{server.port}"
            page = visitor.get("/dashboard/webhooks")
            [commands] = re.findall(r"(body='.*-d \"\$body\")", page.text, re.DOTALL)
            done = subprocess.run(
                ["sh", "-ec", commands.replace("http://localhost", base)],
                env={"PATH": "/usr/bin:/bin", "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET},
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            )
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        assert '"type":"github.ping"' in done.stdout.replace(" ", "")
        assert [event["type"] for event in events(app)] == ["github.ping"]
