"""Forms that act: only those that a page of ours made are taken, and only from whoever may."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import g, request
from flask.typing import ResponseReturnValue

from core.dashboard.access import allows
from core.dashboard.visit import is_form_token
from core.errors import CoreError

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
MOST = 512 * 1024  # bytes of a form
FIELD = "form_token"


class Refused(CoreError):
    """This is not done: the request is not from a form of this dashboard, or you may not."""


def guard() -> None:
    """Refuse a request that acts and was not sent by a form of ours.

    Three guards, each of which is enough: the cookie is SameSite, browsers say where a request comes from, and each
    form bears a token of its visit (OWASP, Cross-Site Request Forgery Prevention).

    Raises:
        Refused: what to do about it.
    """
    request.max_content_length = request.max_form_memory_size = MOST
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused("This form was sent by another site, so nothing was done. Go back to the dashboard.")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Refused("This form was sent from another origin, so nothing was done. Go back to the dashboard.")
    if not is_form_token(g.cookie.keys, g.visit, request.form.get(FIELD, "")):
        raise Refused("This form is too old, or cookies are off, so nothing was done. Load the page again.")


def needs(act: str) -> Callable[[View], View]:
    """Mark a view that acts: only who may do *act*, one of ``access.ACTS``, gets to it."""

    def mark(view: View) -> View:
        @wraps(view)
        def asked(*given: Any, **named: Any) -> ResponseReturnValue:
            if not allows(g.access, act):
                raise Refused(f"You may look, but not do this; it takes the right {act}. Nothing was done.")
            return view(*given, **named)

        return asked  # type: ignore[return-value]

    return mark
