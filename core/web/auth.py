"""Asks who is calling: the one admin token, as a bearer token."""

import hashlib
import hmac
from functools import lru_cache

from flask import Blueprint, Flask, Request, request

from core.errors import ConfigError
from core.web.problems import Problem


def guard(blueprint: Blueprint | Flask, token: str) -> None:
    """Refuse every request to *blueprint* that does not bear *token*.

    Hooks run in the order they were added: guard before the body is read.

    Raises:
        ConfigError: the token is empty, so that anyone could bear it.
    """
    if not token:
        raise ConfigError(["The API token is empty; set API_TOKEN, or nothing would be guarded."])

    def ask() -> None:
        if not bears(request, token):
            raise Problem("unauthenticated")

    blueprint.before_request(ask)


def bears(request: Request, token: str) -> bool:
    """Return whether *request* bears *token*; how long that takes tells nothing about the token."""
    scheme, _, given = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    # WSGI hands on the bytes of a header as Latin-1; the digests make both sides equally long.
    found = hashlib.sha256(given.strip().encode("latin-1", "replace")).digest()
    return hmac.compare_digest(found, _digest(token)) and scheme.lower() == "bearer" and bool(token)


@lru_cache(maxsize=16)
def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
