"""Every error the HTTP side answers with, as RFC 9457 problem details, and the pages that explain them."""

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, got_request_exception, request
from werkzeug.exceptions import HTTPException

from core.asking import InvalidRange
from core.drafting import InvalidSchedule, UnknownScheduleTarget
from core.errors import (
    AlreadyExists,
    BacklogFull,
    CoreError,
    DurabilityUnmet,
    IdempotencyMismatch,
    InvalidEvent,
    LedgerUnavailable,
    NotFound,
    PayloadExpired,
    PreconditionFailed,
    StateConflict,
    UnknownEvent,
    UnknownTarget,
)
from core.web.kinds import PROBLEMS as PROBLEMS
from core.web.kinds import Kind
from core.web.strict_json import JsonTooComplex, MalformedJson

OURS = ("/api", "/hooks", "/problems", "/healthz", "/readyz", "/metrics")

logger = logging.getLogger(__name__)


_OF_ERROR: Mapping[type[CoreError], str] = {
    MalformedJson: "malformed-json",
    JsonTooComplex: "json-too-complex",
    UnknownEvent: "unknown-event-type",
    InvalidEvent: "invalid-event",
    IdempotencyMismatch: "idempotency-mismatch",
    BacklogFull: "backlog-full",
    DurabilityUnmet: "durability-unmet",
    LedgerUnavailable: "ledger-unavailable",
    NotFound: "not-found",
    PayloadExpired: "payload-expired",
    StateConflict: "state-conflict",
    UnknownTarget: "unknown-target",
    UnknownScheduleTarget: "unknown-target",
    InvalidSchedule: "invalid-schedule",
    InvalidRange: "invalid-request",
    AlreadyExists: "already-exists",
    PreconditionFailed: "precondition-failed",
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
    errors = error.errors if isinstance(error, InvalidEvent | UnknownTarget | InvalidSchedule | InvalidRange) else ()
    members: dict[str, Any] = {"state": error.state} if isinstance(error, StateConflict) else {}
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, BacklogFull) else {}
    return Problem(slug, detail, errors=errors, headers=headers, **members)


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
