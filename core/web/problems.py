"""Every error the HTTP side answers with, as RFC 9457 problem details, and the pages that explain them."""

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, got_request_exception, request
from werkzeug.exceptions import HTTPException

from core.errors import (
    BacklogFull,
    CoreError,
    IdempotencyMismatch,
    InvalidEvent,
    LedgerUnavailable,
    NotFound,
    StateConflict,
    UnknownEvent,
)
from core.web.strict_json import JsonTooComplex, MalformedJson

OURS = ("/api", "/hooks", "/problems", "/healthz", "/readyz")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """What all problems of one slug have in common; ``headers`` go with each of them."""

    status: int
    title: str
    explanation: str
    headers: Mapping[str, str] = field(default_factory=dict)


PROBLEMS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "Bad request", "The request is not one this server can read; detail says why."),
    "malformed-json": Kind(400, "Malformed JSON", "Wanted UTF-8 JSON; no NaN, no key twice, no half surrogates."),
    "json-too-complex": Kind(400, "JSON too complex", "At most 32 levels, 1,000 keys an object, numbers to 2^53."),
    "bad-query": Kind(400, "Bad query", "A cursor, filter or limit in the query string is not understood."),
    "idempotency-key-invalid": Kind(400, "Idempotency-Key invalid", "It is 1 to 255 printable ASCII characters."),
    "idempotency-key-missing": Kind(400, "Idempotency-Key missing", "This request needs an Idempotency-Key."),
    "unauthenticated": Kind(
        401,
        "Unauthenticated",
        "Send Authorization: Bearer <token>, with the token the application was given as API_TOKEN.",
        {"WWW-Authenticate": 'Bearer realm="carillon"'},
    ),
    "invalid-signature": Kind(401, "Invalid signature", "It is missing, wrong, or its timestamp far from now."),
    "forbidden": Kind(403, "Forbidden", "This token or session does not allow that."),
    "not-found": Kind(404, "Not found", "There is nothing here, or it is past its retention."),
    "method-not-allowed": Kind(405, "Method not allowed", "The Allow header names the methods of this path."),
    "already-exists": Kind(409, "Already exists", "The name is taken. Change what bears it, or take another."),
    "idempotency-in-progress": Kind(
        409, "Idempotency-Key in progress", "The first request with this key has not ended.", {"Retry-After": "1"}
    ),
    "state-conflict": Kind(409, "State conflict", "The present state, in the member state, forbids this."),
    "payload-expired": Kind(410, "Payload expired", "The data of this run is past its retention."),
    "precondition-failed": Kind(412, "Precondition failed", "It was changed since it was read. Read it again."),
    "content-too-large": Kind(413, "Content too large", "The body, unpacked if it is gzip, is over the limit."),
    "unsupported-encoding": Kind(
        415, "Unsupported encoding", "Send the body as it is, or as gzip.", {"Accept-Encoding": "gzip, identity"}
    ),
    "unsupported-media-type": Kind(415, "Unsupported media type", "The Content-Type is none this path reads."),
    "batch-invalid": Kind(422, "Batch invalid", "Some events are invalid, so none was recorded; errors names them."),
    "idempotency-mismatch": Kind(422, "Idempotency mismatch", "This id was used before, with other content."),
    "invalid-event": Kind(422, "Invalid event", "The event does not fit; errors points at each place."),
    "invalid-schedule": Kind(422, "Invalid schedule", "The schedule cannot work; errors points at each place."),
    "unknown-event-type": Kind(422, "Unknown event type", "No class declares this type, no pattern matches it."),
    "unknown-target": Kind(422, "Unknown target", "A schedule starts only tasks and events the code declares."),
    "precondition-required": Kind(428, "Precondition required", "Send If-Match with the ETag last read."),
    "rate-limited": Kind(429, "Rate limited", "Too many requests. Retry-After says when to come back."),
    "headers-too-large": Kind(431, "Headers too large", "The header fields are over the server's limit."),
    "internal": Kind(500, "Internal error", "Something failed here. The log has it under the trace_id."),
    "backlog-full": Kind(
        503, "Backlog full", "The ledger has no room; nothing was recorded. Try again later.", {"Retry-After": "10"}
    ),
    "ledger-unavailable": Kind(
        503, "Ledger unavailable", "The ledger did not answer. Try again, with the same id.", {"Retry-After": "2"}
    ),
    "durability-unmet": Kind(
        503,
        "Durability unmet",
        "Recorded, but not safely yet. Send it again, with the same id.",
        {"Retry-After": "2"},
    ),
}

_OF_ERROR: Mapping[type[CoreError], str] = {
    MalformedJson: "malformed-json",
    JsonTooComplex: "json-too-complex",
    UnknownEvent: "unknown-event-type",
    InvalidEvent: "invalid-event",
    IdempotencyMismatch: "idempotency-mismatch",
    BacklogFull: "backlog-full",
    LedgerUnavailable: "ledger-unavailable",
    NotFound: "not-found",
    StateConflict: "state-conflict",
}
_OF_STATUS = {
    PROBLEMS[slug].status: slug
    for slug in (
        "bad-request",
        "unauthenticated",
        "forbidden",
        "not-found",
        "method-not-allowed",
        "precondition-failed",
        "content-too-large",
        "unsupported-media-type",
        "precondition-required",
        "rate-limited",
        "headers-too-large",
        "internal",
    )
}


class Problem(Exception):
    """Raise it to answer with the problem *slug*; further keywords become members of the body."""

    def __init__(
        self,
        slug: str,
        detail: str | None = None,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.slug = slug
        self.type = f"/problems/{slug}"
        self.kind = PROBLEMS[slug]
        self.detail = detail or self.kind.explanation
        self.errors = [dict(error) for error in errors]
        self.headers = {**self.kind.headers, **(headers or {})}
        self.members = members
        super().__init__(f"{slug}: {self.detail}")


def register(app: Flask) -> None:
    """Let *app* answer errors on our own paths with problem details; all other paths keep Flask's ways."""
    app.add_url_rule("/problems/<slug>", "problem", _page)

    # An errorhandler would lose to a handler of the user's own for the same code, on our paths too.
    for name in ("handle_user_exception", "handle_exception"):
        setattr(app, name, _ours_first(app, getattr(app, name)))


def trace_id() -> str:
    """Return the random id of the current request; its problem and its log lines carry it."""
    found: str = g.setdefault("trace_id", secrets.token_hex(16))
    return found


def answer(app: Flask, error: Exception) -> Response:
    """Return *error* as a problem response of *app*; log it if it is none we know."""
    if isinstance(error, HTTPException):
        return _of_http(app, error)
    problem = error if isinstance(error, Problem) else _of_core(error)
    if problem is not None:
        if isinstance(error, LedgerUnavailable):
            logger.warning("%s %r: %s, trace %s", request.method, request.path, error, trace_id())
        return _render(problem)
    logger.error("%s %r failed, trace %s", request.method, request.path, trace_id(), exc_info=error)
    got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=error)
    return _render(Problem("internal"))


def _ours_first(app: Flask, flask_way: Any) -> Any:
    def handle(*context: Any) -> Any:
        if isinstance(context[-1], Problem) or any(
            request.path == prefix or request.path.startswith(f"{prefix}/") for prefix in OURS
        ):
            return answer(app, context[-1])
        return flask_way(*context)

    return handle


def problem_of(error: Exception) -> dict[str, Any]:
    """Return what one of our errors says of one part of a request."""
    problem = _of_core(error) or Problem("internal")
    members = {"errors": problem.errors} if problem.errors else {}
    head = {"type": problem.type, "title": problem.kind.title, "status": problem.kind.status}
    return head | {"detail": problem.detail} | members


def _of_core(error: Exception) -> Problem | None:
    slug = next((slug for kind, slug in _OF_ERROR.items() if isinstance(error, kind)), None)
    if slug is None:
        return None
    # What a server said stays inside: it may name hosts.
    detail = type(error).__doc__ if isinstance(error, LedgerUnavailable) else str(error)
    errors = error.errors if isinstance(error, InvalidEvent) else ()
    members: dict[str, Any] = {"state": error.state} if isinstance(error, StateConflict) else {}
    return Problem(slug, detail, errors=errors, **members)


def _of_http(app: Flask, error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return app.make_response(error)
    own_words = error.description if error.description != type(error).description else None
    headers = {name: text for name, text in error.get_headers() if name != "Content-Type"}
    problem = Problem(_OF_STATUS.get(error.code, "bad-request"), own_words, headers=headers)
    if error.code not in _OF_STATUS:
        problem.type, problem.kind = "about:blank", Kind(error.code, error.name, "")
        problem.detail = error.description or error.name
    return _render(problem)


def _render(problem: Problem) -> Response:
    body: dict[str, Any] = {
        "type": problem.type,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": quote(request.path, safe="/:@!$&'()*+,;=~"),
        "trace_id": trace_id(),
    }
    if problem.errors:
        body["errors"] = problem.errors
    headers = {**problem.headers, "Cache-Control": "no-store"}
    text = json.dumps({**problem.members, **body})
    return Response(text, problem.kind.status, headers, content_type="application/problem+json")


def _page(slug: str) -> Response:
    kind = PROBLEMS.get(slug)
    if kind is None:
        raise Problem("not-found", f"There is no problem of this name. The names are: {', '.join(sorted(PROBLEMS))}.")
    if request.accept_mimetypes.best_match(["text/plain", "application/json"]) == "application/json":
        found = {
            "type": f"/problems/{slug}",
            "title": kind.title,
            "status": kind.status,
            "detail": kind.explanation,
        }
        return Response(json.dumps(found), content_type="application/json", headers={"Vary": "Accept"})
    text = f"{kind.title} ({kind.status})\n\n{kind.explanation}\n"
    return Response(text, content_type="text/plain; charset=utf-8", headers={"Vary": "Accept"})
