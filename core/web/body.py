"""Reads a request's body, bounded and unpacked, before the view: a slow sender never holds up the event loop."""

import zlib
from collections.abc import Callable, Mapping
from typing import IO, Any

from flask import Blueprint, Flask, Request, g, request
from werkzeug.exceptions import ClientDisconnected

from core.web.problems import Problem

CHUNK = 64 * 1024
METHODS = ("POST", "PUT", "PATCH")


def attach(blueprint: Blueprint | Flask, limit_for: Callable[[Request], int]) -> None:
    """Put the body of each POST, PUT and PATCH to *blueprint* into ``flask.g.body``, ``b""`` for other methods.

    Hooks run in the order they were added: attach this after the one that asks who is calling.
    """

    def read_body() -> None:
        g.body = read(request, limit_for(request)) if request.method in METHODS else b""

    blueprint.before_request(read_body)


def read(request: Request, limit: int) -> bytes:
    """Return the body of *request*, unpacked, of at most *limit* bytes.

    Raises:
        Problem: content-too-large, unsupported-encoding or bad-request.
    """
    environ = request.environ
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() or "identity"
    if encoding not in ("identity", "gzip"):
        raise Problem("unsupported-encoding", "The Content-Encoding is none of identity and gzip.")
    length = _content_length(environ, limit)
    packed = _bounded(request.stream, limit, length)
    return _gunzip(packed, limit) if encoding == "gzip" else packed


def _content_length(environ: Mapping[str, Any], limit: int) -> int | None:
    """Return how many bytes the sender announced; None if it did not, as in a chunked body."""
    text = environ.get("CONTENT_LENGTH") or ""
    if text and not (text.isascii() and text.isdecimal()):
        raise Problem("bad-request", "The Content-Length is not a whole number of bytes.")
    if not text or "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    # The digits are counted first: int() refuses more than 4,300 of them in its own way.
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(limit)) or int(digits) > limit:
        raise _too_large(limit)
    return int(digits)


def _bounded(stream: IO[bytes], limit: int, length: int | None) -> bytes:
    wanted = limit + 1 if length is None else length
    found = bytearray()
    while len(found) < wanted:
        try:
            chunk = stream.read(min(CHUNK, wanted - len(found)))
        except (OSError, ClientDisconnected):
            raise Problem("bad-request", "The connection broke off before the end of the body.") from None
        if not chunk:
            break
        found += chunk
    if length is not None and len(found) < length:
        raise Problem("bad-request", f"The body ended after {len(found):,} of {length:,} bytes.")
    if len(found) > limit:
        raise _too_large(limit)
    return bytes(found)


def _gunzip(packed: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = stream.decompress(packed, limit + 1)
    except zlib.error:
        raise Problem("bad-request", "The body is not the gzip that its Content-Encoding says.") from None
    if len(found) > limit:
        raise _too_large(limit)
    if not stream.eof:
        raise Problem("bad-request", "The gzip body ends before its end; it was cut short on the way.")
    if stream.unused_data:
        raise Problem("bad-request", "There are bytes after the gzip body; send it as one gzip member.")
    return found


def _too_large(limit: int) -> Problem:
    return Problem("content-too-large", f"The body is over the limit of {limit:,} bytes, counted unpacked.")
