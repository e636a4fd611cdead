"""GitHub's webhooks: the signature, and what a delivery says."""

import hashlib
import hmac
import json
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.web.github import Delivery, delivery, verify
from core.web.problems import Problem
from core.web.strict_json import JsonTooComplex, MalformedJson

REPOSITORY = {"id": 1, "full_name": "octo/hello", "owner": {"login": "octo"}}
HEADERS = {"X-GitHub-Event": "issues", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
OPENED = {"action": "opened", "issue": {"number": 7, "title": "Ünïcode \U0001f514"}, "repository": REPOSITORY}


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def read(payload: object, event: str = "issues", **headers: str) -> Delivery:
    return delivery({**HEADERS, "X-GitHub-Event": event, **headers}, "application/json", json.dumps(payload).encode())


class TestSignature:
    def test_the_example_of_githubs_documentation(self):
        wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        assert verify(["It's a Secret to Everybody"], wanted, b"Hello, World!")

    def test_any_of_several_secrets(self):
        for secret in ("new", "old"):
            assert verify(["new", "old"], signature(secret, b"{}"), b"{}")
        assert not verify(["new", "old"], signature("older", b"{}"), b"{}")

    def test_secrets_beyond_ascii(self):
        assert verify(["glöckner"], signature("glöckner", b"{}"), b"{}")

    def test_without_a_secret_nothing_is_signed(self):
        assert not verify([], signature("", b"{}"), b"{}")
        assert not verify([""], signature("", b"{}"), b"{}")

    @pytest.mark.parametrize("header", [None, "", "sha256=", "sha256", "sha1=abc", "é", "\ud800", "sha256=\xff\0"])
    def test_odd_headers_are_wrong_and_no_error(self, header):
        assert verify(["s"], header, b"{}") is False

    def test_one_flipped_bit_anywhere_is_wrong(self):
        body = json.dumps(OPENED).encode()
        header = signature("s", body)
        for bit in range(len(body) * 8):
            flipped = bytearray(body)
            flipped[bit // 8] ^= 1 << bit % 8
            assert not verify(["s"], header, bytes(flipped))
        for bit in range(len(header) * 8):
            flipped = bytearray(header.encode())
            flipped[bit // 8] ^= 1 << bit % 8
            assert not verify(["s"], flipped.decode("latin-1"), body)

    @given(st.text(), st.binary())
    @settings(deadline=None)
    def test_no_text_raises(self, header, body):
        assert verify(["s"], header, body) is False


class TestDelivery:
    def test_an_action_is_part_of_the_type(self):
        found = read(OPENED)
        assert found == Delivery(HEADERS["X-GitHub-Delivery"], "github.issues.opened", "octo/hello", OPENED)

    @pytest.mark.parametrize("payload", [{}, {"action": None}, {"action": 5}, {"action": {"a": 1}}])
    def test_without_an_action_the_event_is_the_type(self, payload):
        assert read({"ref": "refs/heads/main", **payload}, "push").type == "github.push"

    @pytest.mark.parametrize(
        ("payload", "subject"),
        [
            ({"repository": REPOSITORY, "organization": {"login": "org"}}, "octo/hello"),
            ({"organization": {"login": "org"}, "team": {"name": "github"}}, "org"),
            ({"repository": None, "organization": {"login": "org"}}, "org"),
            ({"repository": {"full_name": 5}, "organization": ["login"]}, None),
            ({"repository": {"full_name": ""}, "organization": {}}, None),
            ({"security_advisory": {"ghsa_id": "GHSA-x"}}, None),
        ],
    )
    def test_subject(self, payload, subject):
        assert read(payload).subject == subject

    @pytest.mark.parametrize(
        "content_type", ["application/json", "application/json; charset=utf-8", "", "text/plain", "APPLICATION/JSON"]
    )
    def test_json_bodies(self, content_type):
        assert delivery(HEADERS, content_type, json.dumps(OPENED).encode()).data == OPENED

    @pytest.mark.parametrize(
        "content_type", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"]
    )
    def test_form_bodies(self, content_type):
        for text in (json.dumps(OPENED), json.dumps(OPENED, ensure_ascii=False)):
            for body in (urlencode({"payload": text}), f"a=1&payload={quote_plus(text)}&b="):
                assert delivery(HEADERS, content_type, body.encode()).data == OPENED

    def test_header_names_in_any_case(self):
        for change in (str.lower, str.upper, str.title):
            headers = {change(name): text for name, text in HEADERS.items()}
            assert delivery(headers, "application/json", b"{}").type == "github.issues"

    @pytest.mark.parametrize("name", HEADERS)
    @pytest.mark.parametrize(
        "text", [None, "", "é", "a b", "a\n", "a\r\nX: y", "a/b", "a" * 129, "<script>", "\0", "٣"]
    )
    def test_missing_and_odd_headers(self, name, text):
        headers = {key: value for key, value in {**HEADERS, name: text}.items() if value is not None}
        with pytest.raises(Problem) as caught:
            delivery(headers, "application/json", b"{}")
        assert caught.value.slug == "bad-request"
        assert name in caught.value.detail
        assert not text or text not in caught.value.detail or len(text) < 3

    @pytest.mark.parametrize("event", ["Issues", "a.b", "a-b", "a" * 65])
    def test_odd_events(self, event):
        with pytest.raises(Problem):
            read({}, event)

    @pytest.mark.parametrize("action", ["", "Opened", "a.b", "a b", "é", "a" * 65, "\ud800", "opened\n"])
    def test_odd_actions(self, action):
        with pytest.raises(Problem) as caught:
            read({"action": action})
        assert caught.value.slug == "bad-request"

    @pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"1", b"1.5", b"true", b"null", b"{", b"\xff", b"[NaN]"])
    @pytest.mark.parametrize("form", [False, True])
    def test_bodies_that_are_no_object(self, body, form):
        content_type = "application/x-www-form-urlencoded" if form else "application/json"
        with pytest.raises(MalformedJson):
            delivery(HEADERS, content_type, b"payload=" + quote_plus(body).encode() if form else body)

    @pytest.mark.parametrize(
        "body",
        [b"", b"payload", b"x=1", b"payload={}&payload={}", b"\xff=1", b"&" * 200, b"{}", b'payload={"a":"%ff"}'],
    )
    def test_forms_without_one_payload(self, body):
        with pytest.raises(MalformedJson):
            delivery(HEADERS, "application/x-www-form-urlencoded", body)

    def test_too_deep(self):
        with pytest.raises(JsonTooComplex):
            delivery(HEADERS, "application/json", b'{"a":' * 1_000 + b"1" + b"}" * 1_000)

    def test_what_is_kept_can_be_stored(self):
        found = delivery(HEADERS, "application/json", b'{"title":"\\ud83d","id":123456789012345678901}')
        assert found.data == {"title": "\ufffd", "id": 123456789012345678901}

    @given(st.binary(), st.sampled_from(["application/json", "application/x-www-form-urlencoded"]))
    @settings(deadline=None)
    def test_no_bytes_raise_anything_else(self, body, content_type):
        for data in (body, b"payload=" + body):
            try:
                delivery(HEADERS, content_type, data)
            except (MalformedJson, JsonTooComplex, Problem):
                continue
