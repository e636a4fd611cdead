"""Errors as RFC 9457 problem details on our own paths, and nowhere else."""

import logging

import pytest
from flask import Blueprint, Flask, abort, got_request_exception, redirect, request
from werkzeug.exceptions import RequestEntityTooLarge, RequestHeaderFieldsTooLarge

from core.errors import (
    BacklogFull,
    ConfigError,
    EmitUnavailable,
    IdempotencyMismatch,
    InvalidEvent,
    LedgerUnavailable,
    NotFound,
    StateConflict,
    UnknownEvent,
)
from core.web.problems import PROBLEMS, Problem, register
from core.web.strict_json import JsonTooComplex, MalformedJson

ERRORS_AT = [{"pointer": "/data/email", "detail": "Field required"}]


class Oddity(Exception):
    """Nobody knows this one."""


def app_raising(error: Exception | None = None, **config) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    register(app)

    async def fails():
        raise error

    for number, path in enumerate(("/api/v1/thing", "/hooks/github", "/healthz", "/mine", "/apiary", "/")):
        app.add_url_rule(path, f"view{number}", fails, methods=["GET", "POST"])
    return app


def problem_of(answer) -> dict:
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json(force=True)
    assert body["status"] == answer.status_code
    assert len(body["trace_id"]) == 32
    return body


@pytest.mark.parametrize(
    ("error", "status", "slug", "member"),
    [
        (UnknownEvent("No event type 'order.plcaed'; near it: order.placed."), 422, "unknown-event-type", None),
        (InvalidEvent("It does not fit.", ERRORS_AT), 422, "invalid-event", ("errors", ERRORS_AT)),
        (IdempotencyMismatch(), 422, "idempotency-mismatch", None),
        (NotFound("No run x."), 404, "not-found", None),
        (StateConflict("The run has ended.", "succeeded"), 409, "state-conflict", ("state", "succeeded")),
        (MalformedJson("Found NaN."), 400, "malformed-json", None),
        (JsonTooComplex("Found 33 levels."), 400, "json-too-complex", None),
        (Problem("bad-query", "limit is 501."), 400, "bad-query", None),
        (Problem("unknown-target", near=["a.b"]), 422, "unknown-target", ("near", ["a.b"])),
        (Problem("invalid-schedule", errors=ERRORS_AT), 422, "invalid-schedule", ("errors", ERRORS_AT)),
    ],
)
@pytest.mark.parametrize("testing", [True, False])
def test_known_errors(error, status, slug, member, testing):
    answer = app_raising(error, TESTING=testing).test_client().post("/api/v1/thing?secret=1")
    body = problem_of(answer)
    assert (answer.status_code, body["type"], body["instance"]) == (status, f"/problems/{slug}", "/api/v1/thing")
    assert body["title"] == PROBLEMS[slug].title
    assert body["detail"] == (error.detail if isinstance(error, Problem) else str(error))
    if member:
        assert body[member[0]] == member[1]
    else:
        assert "errors" not in body


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (BacklogFull(), "backlog-full"),
        (LedgerUnavailable("Error 111 connecting to redis://:hunter2@10.0.0.7:6379"), "ledger-unavailable"),
        (EmitUnavailable("Error 111 connecting to redis://:hunter2@10.0.0.7:6379"), "ledger-unavailable"),
        (Problem("durability-unmet"), "durability-unmet"),
    ],
)
def test_what_passes_says_when_to_come_back_and_not_where_the_server_is(error, slug):
    answer = app_raising(error).test_client().post("/api/v1/thing")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert problem_of(answer)["type"] == f"/problems/{slug}"
    assert "hunter2" not in answer.text


def test_an_unavailable_ledger_is_logged_with_its_reason(caplog):
    answer = app_raising(LedgerUnavailable("no route")).test_client().get("/healthz")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "no route" in record.getMessage()
    assert problem_of(answer)["trace_id"] in record.getMessage()


@pytest.mark.parametrize("config", [{}, {"TESTING": True}, {"DEBUG": True}, {"PROPAGATE_EXCEPTIONS": True}])
@pytest.mark.parametrize("error", [Oddity("the secret is 42"), ConfigError(["x is unset"]), KeyError("42")])
def test_any_other_error_shows_its_trace_id_only(config, error, caplog):
    app = app_raising(error, **config)
    heard = []
    with got_request_exception.connected_to(lambda sender, exception: heard.append(exception), app):
        answer = app.test_client().get("/hooks/github")
    body = problem_of(answer)
    assert body["type"] == "/problems/internal"
    assert answer.status_code == 500
    assert set(body) == {"type", "title", "status", "detail", "instance", "trace_id"}
    assert "42" not in body["detail"]
    assert heard == [error]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info[1] is error
    assert body["trace_id"] in record.getMessage()


def test_an_error_after_the_view_is_a_problem_too():
    app = app_raising(TESTING=True)
    app.add_url_rule("/api/fine", "fine", lambda: "fine")

    @app.after_request
    def broken(response):
        raise Oddity

    assert problem_of(app.test_client().get("/api/fine"))["type"] == "/problems/internal"


class TestFlasksOwnErrors:
    def test_unknown_path(self):
        body = problem_of(app_raising().test_client().get("/api/v1/nothing%0a/é"))
        assert body["type"] == "/problems/not-found"
        assert body["instance"] == "/api/v1/nothing%0A/%C3%A9"

    @pytest.mark.parametrize("path", ["/api", "/hooks", "/hooks/", "/problems", "/readyz/x"])
    def test_every_prefix_is_ours(self, path):
        assert problem_of(app_raising().test_client().get(path))["type"] == "/problems/not-found"

    def test_wrong_method(self):
        answer = app_raising().test_client().delete("/api/v1/thing")
        assert problem_of(answer)["type"] == "/problems/method-not-allowed"
        assert {"GET", "POST"} <= {method.strip() for method in answer.headers["Allow"].split(",")}

    @pytest.mark.parametrize(
        ("error", "slug"),
        [(RequestEntityTooLarge(), "content-too-large"), (RequestHeaderFieldsTooLarge(), "headers-too-large")],
    )
    def test_too_large(self, error, slug):
        assert problem_of(app_raising(error).test_client().get("/api/v1/thing"))["type"] == f"/problems/{slug}"

    def test_own_words_of_abort_are_kept(self):
        app = app_raising()
        app.add_url_rule("/api/gone", "gone", lambda: abort(404, "It left."))
        app.add_url_rule("/api/form", "form", lambda: request.form["x"])
        assert problem_of(app.test_client().get("/api/gone"))["detail"] == "It left."
        assert problem_of(app.test_client().get("/api/form"))["type"] == "/problems/bad-request"

    def test_a_status_without_a_slug_is_a_blank_problem(self):
        app = app_raising()
        app.add_url_rule("/api/tea", "tea", lambda: abort(418))
        body = problem_of(app.test_client().get("/api/tea"))
        assert (body["type"], body["status"], body["title"]) == ("about:blank", 418, "I'm a teapot")

    def test_redirects_are_no_errors(self):
        app = app_raising()
        app.add_url_rule("/api/slash/", "slash", lambda: "there")
        app.add_url_rule("/api/away", "away", lambda: abort(redirect("/api/slash/")))
        answer = app.test_client().get("/api/slash")
        assert (answer.status_code, answer.mimetype) == (308, "text/html")
        assert app.test_client().get("/api/away").location == "/api/slash/"


class TestTheUsersOwnPaths:
    @pytest.mark.parametrize("path", ["/mine", "/apiary", "/"])
    def test_flask_answers_as_ever(self, path):
        client = app_raising(Oddity()).test_client()
        for answer, status in ((client.get(path), 500), (client.put(path), 405), (client.get("/api2"), 404)):
            assert answer.status_code == status
            assert answer.mimetype == "text/html"
            assert "Cache-Control" not in answer.headers

    def test_errors_surface_in_tests_as_ever(self):
        with pytest.raises(Oddity):
            app_raising(Oddity(), TESTING=True).test_client().get("/mine")

    def test_handlers_of_the_user_rule_there_and_only_there(self):
        app = app_raising(Oddity())
        mine = Blueprint("own", __name__)
        mine.add_url_rule("/own", "own", lambda: abort(409))
        mine.register_error_handler(409, lambda error: ("own conflict", 409))
        app.register_blueprint(mine)
        app.register_error_handler(404, lambda error: ("own page", 404))
        app.register_error_handler(Exception, lambda error: ("own apology", 500))
        client = app.test_client()
        assert client.get("/nothing").text == "own page"
        assert client.get("/mine").text == "own apology"
        assert client.get("/own").text == "own conflict"
        assert problem_of(client.get("/api/nothing"))["status"] == 404
        assert problem_of(client.get("/api/v1/thing"))["status"] == 500


class TestThePages:
    def test_text_is_for_people(self):
        for accept in ({}, {"Accept": "text/html,*/*;q=0.8"}, {"Accept": "*/*"}):
            answer = app_raising().test_client().get("/problems/backlog-full", headers=accept)
            assert answer.status_code == 200
            assert answer.content_type == "text/plain; charset=utf-8"
            assert answer.text.startswith("Backlog full (503)\n\nThe ledger has no room")

    def test_json_is_for_programs(self):
        answer = app_raising().test_client().get("/problems/rate-limited", headers={"Accept": "application/json"})
        assert answer.get_json()["status"] == 429
        assert answer.headers["Vary"] == "Accept"

    def test_an_unknown_name_is_not_found(self):
        body = problem_of(app_raising().test_client().get("/problems/nope"))
        assert body["type"] == "/problems/not-found"
        assert "backlog-full" in body["detail"]

    def test_every_kind_has_its_page(self):
        client = app_raising().test_client()
        for slug, kind in PROBLEMS.items():
            assert kind.explanation in client.get(f"/problems/{slug}").text


def test_a_problem_of_no_known_kind_cannot_be_raised():
    with pytest.raises(KeyError):
        Problem("made-up")


def test_members_never_replace_the_standard_ones():
    answer = app_raising(Problem("not-found", status=200, type="x")).test_client().get("/api/v1/thing")
    assert problem_of(answer)["type"] == "/problems/not-found"
