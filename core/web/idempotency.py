"""The header Idempotency-Key: a request that bears it may be sent again, and counts once."""

import hashlib
import json
import re
import secrets
from typing import Any

from flask import Response, request

from core.bus import Receipt
from core.web.problems import Problem

KEY = re.compile(r'(")?([\x20-\x21\x23-\x7e]{1,255})(?(1)")')

_compact = json.JSONEncoder(separators=(",", ":")).encode  # Flask's jsonify would make an encoder for each answer


def idempotency_key(route: str) -> str:
    """Return the request's key, told apart from those of other routes, or ''.

    Raises:
        Problem: idempotency-key-invalid.
    """
    given = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return ""
    match = KEY.fullmatch(given)
    if match is None:
        raise Problem("idempotency-key-invalid")
    return f"{route} {match[2]}"


def nonce(route: str) -> str:
    """Return what names this request to a script: the same for the same key, else one of its own."""
    key = idempotency_key(route)
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else secrets.token_hex(8)


def accepted(receipt: Receipt, view: dict[str, Any]) -> Response:
    """Answer 202 with *view*; where a key was sent before, say so."""
    response = Response(f"{_compact(view)}\n", 202, content_type="application/json")
    if receipt.duplicate and "Idempotency-Key" in request.headers:
        response.headers["Idempotency-Replayed"] = "true"
    return response
