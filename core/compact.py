"""JSON text without blanks, by encoders that are made once: json's own makes its fast half anew for each text."""

from collections.abc import Callable
from json.encoder import JSONEncoder, encode_basestring, encode_basestring_ascii
from typing import Any


def _encoder(*, ascii_only: bool, sort_keys: bool, allow_nan: bool) -> Callable[[Any], str]:
    plain = JSONEncoder(ensure_ascii=ascii_only, sort_keys=sort_keys, allow_nan=allow_nan, separators=(",", ":"))
    try:
        from json.encoder import c_make_encoder  # type: ignore[attr-defined]  # no part of its typed front
    except ImportError:
        return plain.encode
    quote = encode_basestring_ascii if ascii_only else encode_basestring
    # Without markers a list that contains itself is a RecursionError and no ValueError.
    made = c_make_encoder(None, plain.default, quote, None, ":", ",", sort_keys, False, allow_nan)

    def encode(value: Any) -> str:
        return "".join(made(value, 0))

    return encode


text = _encoder(ascii_only=False, sort_keys=False, allow_nan=False)
ordered = _encoder(ascii_only=True, sort_keys=True, allow_nan=True)  # what is equal has the same text
quoted: Callable[[str], str] = encode_basestring
