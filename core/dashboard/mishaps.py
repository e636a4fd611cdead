"""Pages for what goes wrong: what was found, and what to do."""

import logging
from http import HTTPStatus

from flask import Response, current_app, got_request_exception, request
from werkzeug.exceptions import HTTPException

from core.dashboard import shell
from core.dashboard.door import TooManyTries
from core.dashboard.forms import Refused
from core.dashboard.query import BadQuery
from core.errors import CoreError
from core.web.problems import problem_of, trace_id

logger = logging.getLogger(__name__)
STATUS: dict[type[CoreError], int] = {BadQuery: 400, Refused: 403, TooManyTries: 429}


def page_of(error: Exception) -> Response:
    """Return the page that tells of *error*."""
    if isinstance(error, HTTPException):
        if error.code is None or error.code < 400:
            return current_app.make_response(error)
        return _page(error.code, error.description or error.name)
    if isinstance(error, CoreError):
        known = next((status for kind, status in STATUS.items() if isinstance(error, kind)), None)
        problem = problem_of(error)
        return _page(known or problem["status"], str(error) if known else problem["detail"])
    logger.error("%s %r failed, trace %s", request.method, request.path, trace_id(), exc_info=error)
    got_request_exception.send(current_app, _async_wrapper=current_app.ensure_sync, exception=error)
    return _page(500, f"This is a fault of Carillon, not of what you did. Its log has the trace {trace_id()}.")


def _page(status: int, detail: str) -> Response:
    shell.begin()  # a hook of the application's own may have refused before ours was called
    fact, _, rest = detail.partition(". ")
    response = shell.show("mishap.html", status=status, title=_title(status), fact=fact, rest=rest)
    if status in (429, 503):
        response.headers["Retry-After"] = "60" if status == 429 else "2"
    return response


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.capitalize()
    except ValueError:
        return "Error"
