"""Reads GitHub's webhooks: is it signed, and what does it say."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from core.events import SUBJECT_TEXT
from core.web.problems import Problem
from core.web.strict_json import MalformedJson, lenient

_NAME = re.compile(r"[a-z0-9_]{1,64}")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Delivery:
    """One webhook delivery, in the words of an event."""

    id: str
    type: str
    subject: str | None
    data: dict[str, Any]


def verify(secrets: Sequence[str], signature_header: str | None, body: bytes) -> bool:
    """Return whether *signature_header* (``X-Hub-Signature-256``) signs *body* with any of *secrets*."""
    given = (signature_header or "").encode("utf-8", "replace")
    matches = [hmac.compare_digest(given, _signature(secret, body)) for secret in secrets if secret]
    return any(matches)


def misfit(secrets: Sequence[str], signature_header: str | None, body: bytes) -> str:
    """Return in a few words why a delivery is not taken for one of GitHub's; '' where it is signed as it should be."""
    if verify(secrets, signature_header, body):
        return ""
    if not (signature_header or "").strip():
        return "signature missing"
    return "signature wrong" if _SIGNATURE.fullmatch(signature_header or "") else "signature malformed"


def identity(given: str) -> str:
    """Return the id that a delivery gives itself in X-GitHub-Delivery, '' where that is none."""
    return given if _ID.fullmatch(given) else ""


def delivery(headers: Mapping[str, str], content_type: str, body: bytes) -> Delivery:
    """Return what a delivery says; its signature is somebody else's business.

    Raises:
        Problem: bad-request; a header or the action is missing or odd.
        MalformedJson, JsonTooComplex: the body is no JSON object that can be stored.
    """
    by_name = {name.lower(): text for name, text in headers.items()}
    event = _matching(_NAME, by_name.get("x-github-event"), "X-GitHub-Event")
    identity = _matching(_ID, by_name.get("x-github-delivery"), "X-GitHub-Delivery")
    form = content_type.partition(";")[0].strip().lower() == FORM
    data = lenient(_payload(body) if form else body)
    if not isinstance(data, dict):
        raise MalformedJson(f"Found {_KINDS[type(data)]}; a webhook's body is a JSON object.")
    kind = f"github.{event}"
    if isinstance(data.get("action"), str):
        kind += "." + _matching(_NAME, data["action"], "The payload's action")
    return Delivery(identity, kind, _subject(data), data)


_KINDS = {
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _signature(secret: str, body: bytes) -> bytes:
    digest = hmac.new(secret.encode("utf-8", "surrogateescape"), body, hashlib.sha256).hexdigest()
    return f"sha256={digest}".encode()


def _matching(pattern: re.Pattern[str], text: str | None, what: str) -> str:
    if text is None:
        raise Problem("bad-request", f"{what} is missing.")
    if not pattern.fullmatch(text):
        raise Problem("bad-request", f"{what} is odd; wanted {pattern.pattern}.")
    return text


def _payload(body: bytes) -> bytes:
    """Return the JSON of a form body ``payload=…``."""
    try:
        fields = parse_qs(body.decode(), errors="strict", max_num_fields=100)
    except ValueError as error:
        raise MalformedJson(f"The form cannot be read: {error}.") from None
    if len(fields.get("payload", ())) != 1:
        raise MalformedJson("Found a form without exactly one field payload; wanted payload=<JSON>.")
    return fields["payload"][0].encode()


def _subject(data: Mapping[str, Any]) -> str | None:
    for part, key in (("repository", "full_name"), ("organization", "login")):
        found = data.get(part)
        name = found.get(key) if isinstance(found, dict) else None
        if isinstance(name, str) and SUBJECT_TEXT.fullmatch(name):
            return name
    return None
