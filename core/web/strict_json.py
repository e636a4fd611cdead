"""The guard in front of every JSON body: what it lets through can be read, stored and sent on safely."""

import json
import math
import re
from typing import Any, NoReturn

from core.errors import CoreError

MAX_DEPTH = 32
MAX_DEPTH_SIGNED = 200  # pydantic writes 254, and an event stands a few levels deeper in an answer
MAX_KEYS = 1_000
MAX_INT = 2**53

# The quantifiers are possessive and the closing quote optional, so no text is ever scanned twice.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedJson(CoreError):
    """The body is not JSON as RFC 8259 and RFC 7493 have it."""


class JsonTooComplex(CoreError):
    """The body is JSON, but deeper, wider or with larger numbers than is accepted here."""


def parse(body: bytes) -> Any:
    """Return the value of *body*, refusing all that programs are known to read differently.

    Raises:
        MalformedJson: not UTF-8, not JSON, NaN or Infinity, a key given twice, half a surrogate pair.
        JsonTooComplex: more than 32 levels, more than 1,000 keys in an object, a number out of range.
    """
    text = _utf8(body)
    _check_depth(text, MAX_DEPTH)
    if "\\u" in text:
        for escape in _ESCAPE.finditer(text):
            if escape[1]:
                raise MalformedJson(f"Found half of a surrogate pair {_at(text, escape.start())}; send both.")
    return _decode(_STRICT, text)


def lenient(body: bytes) -> Any:
    """Return the value of *body*, a signed one, read as Python does but fit to be stored as JSON.

    Halves of surrogate pairs become U+FFFD; of a key given twice the last counts.

    Raises:
        MalformedJson: not JSON, or NaN or Infinity in it.
        JsonTooComplex: more than 200 levels, or a number no program can hold.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError as error:
        raise MalformedJson(f"Found bytes that are not {error.encoding} at byte {error.start}.") from None
    text = _SURROGATE.sub("\ufffd", text)
    _check_depth(text, MAX_DEPTH_SIGNED)
    if "\\u" in text:
        text = _ESCAPE.sub(lambda escape: "\ufffd" if escape[1] else escape[0], text)
    return _decode(_LENIENT, text)


def _utf8(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        raise MalformedJson("Found a byte order mark at byte 0; wanted UTF-8 without one.")
    if b"\0" in body[:4] or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise MalformedJson("Found what looks like UTF-16 or UTF-32 at byte 0; wanted UTF-8.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(f"Found a byte that is not UTF-8 at byte {error.start}.") from None


def _check_depth(text: str, limit: int) -> None:
    """Count brackets outside strings; the parser itself would recurse until Python's limit."""
    if text.count("[") + text.count("{") <= limit:
        return
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        mark = text[token.start()]
        if mark in "[{":
            depth += 1
            if depth > limit:
                where = _at(text, token.start())
                raise JsonTooComplex(f"Found more than {limit} levels of nesting {where}; send fewer.")
        elif mark in "]}":
            depth -= 1


def _decode(decoder: json.JSONDecoder, text: str) -> Any:
    if not text or text.isspace():
        raise MalformedJson("Found an empty body; wanted JSON.")
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        message = error.msg.removesuffix(" at")
        raise MalformedJson(f"This is not JSON: {message} {_at(text, error.pos)}.") from None
    except RecursionError:
        raise JsonTooComplex("Found more levels of nesting than can be read; send fewer.") from None


def _at(text: str, position: int) -> str:
    return f"at byte {len(text[:position].encode())}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise JsonTooComplex(f"Found an object with {len(pairs):,} keys; at most {MAX_KEYS:,} are accepted.")
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedJson(f"Found the key {json.dumps(key[:80])} twice in one object; send it once.")
            seen.add(key)
    return found


def _safe_int(text: str) -> int:
    # The length goes first: int() takes quadratic time, and refuses more than 4,300 digits in its own way.
    if len(text) > len(str(-MAX_INT)) or abs(int(text)) > MAX_INT:
        raise JsonTooComplex(f"Found the number {_short(text)}; wanted at most 2^53 either way. Send it as text.")
    return int(text)


def _any_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise JsonTooComplex(f"Found a number of {len(text):,} digits; at most 4,300 can be read.") from None


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonTooComplex(f"Found the number {_short(text)}; wanted one a double can hold, up to 1.8e308.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise MalformedJson(f"Found {name}, which is not JSON; send null or text.")


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}… ({len(text):,} characters)"


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_safe_int, parse_float=_finite, parse_constant=_no_constant
)
_LENIENT = json.JSONDecoder(parse_int=_any_int, parse_float=_finite, parse_constant=_no_constant)
