"""The page, and a POST for each task: it checks the fields, starts the task and says where to poll."""

import hmac
import json
import re

from celery import Task
from flask import Blueprint, Response, abort, current_app, jsonify, make_response, render_template, request
from kombu.exceptions import OperationalError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException

from . import tasks

NUMBER = (-1_000_000_000, 1_000_000_000)
TOTAL = (1, 100)
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
POLICY += "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

blueprint = Blueprint("tasks", __name__, url_prefix="/tasks", template_folder="templates", static_folder="static")


@blueprint.get("/")
def index() -> Response:
    """Show the page. It holds no secret: whoever starts or polls a task needs the token."""
    response = make_response(render_template("tasks/index.html", number=NUMBER, total=TOTAL))
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.post("/add")
def add() -> Response:
    """Start ``add`` or, with the field ``async``, ``add_async``."""
    return started(tasks.add, tasks.add_async, numbers(a=NUMBER, b=NUMBER))


@blueprint.post("/divide")
def divide() -> Response:
    """Start ``divide``; zero is a number too, so the task may fail."""
    return started(tasks.divide, tasks.divide_async, numbers(a=NUMBER, b=NUMBER))


@blueprint.post("/block")
def block() -> Response:
    """Start ``block``."""
    return started(tasks.block, tasks.block_async, {})


@blueprint.post("/process")
def process() -> Response:
    """Start ``process``."""
    return started(tasks.process, tasks.process_async, numbers(total=TOTAL))


@blueprint.before_request
def ask() -> None:
    """Let only those start tasks who bear the token of the API; a cookie would need CSRF protection besides."""
    if request.method != "POST":
        return
    token, given = current_app.extensions["carillon"].config.api_token, request.authorization
    word = given.token if given and given.type == "bearer" and given.token else ""
    if not hmac.compare_digest(word.encode(), token.encode()):
        challenge = WWWAuthenticate("bearer")
        abort(401, "Send Authorization: Bearer <token>, with the token of the API.", www_authenticate=challenge)


@blueprint.errorhandler(HTTPException)
def refuse(error: HTTPException) -> Response:
    """Answer as the API does: with problem details."""
    response = make_response(error.get_response())
    response.data = json.dumps({"title": error.name, "status": error.code, "detail": error.description})
    response.content_type = "application/problem+json"
    return response


def started(task: Task, async_task: Task, arguments: dict[str, int]) -> Response:
    """Start one of both tasks and answer 202 with its id."""
    chosen = async_task if "async" in request.form else task
    try:
        result = chosen.delay(**arguments)
    except (OperationalError, RuntimeError):  # the latter is Celery's word for a result backend that is away
        abort(503, "The broker or the result backend does not answer. Start the task again later.")
    url = f"{request.script_root}/api/v1/tasks/{result.id}"
    response = jsonify(id=result.id, task=chosen.name, url=url)
    response.status_code, response.headers["Location"] = 202, url
    return response


def numbers(**wanted: tuple[int, int]) -> dict[str, int]:
    """Return the form's fields as whole numbers within their bounds, or answer 422 with all that is wrong."""
    found, problems = {}, []
    for name, (low, high) in wanted.items():
        text = request.form.get(name, "").strip()
        if re.fullmatch(r"[+-]?[0-9]{1,12}", text) and low <= int(text) <= high:
            found[name] = int(text)
        else:
            problems.append(f"{name} is {text[:40]!r}" if text else f"{name} is missing")
            problems[-1] += f"; it must be a whole number from {low} to {high}."
    if problems:
        abort(422, " ".join(problems))
    return found
