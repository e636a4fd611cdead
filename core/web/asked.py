"""Reads the small JSON bodies of requests that act: an object of few members, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import g, request

from core import compact
from core.events import pointer
from core.ledger.fitting import RunFilter
from core.ledger.keys import FAILED, STATES
from core.ledger.paths import Sought
from core.operating import Selection
from core.web.problems import Problem
from core.web.query import MOST_SOUGHT, instant_of, moment_of
from core.web.strict_json import parse

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"
MOST_IDS = 10_000
MOST_NAMES = 100
LONGEST = 300  # characters of a filter's value
TEXTS = ("task", "event", "schedule", "queue")
FILTERS = ("state", *TEXTS, "data.", "from", "to", "ids", "all")

Errors = list[dict[str, str]]


def asked(known: Sequence[str]) -> dict[str, Any]:
    """Return the members of the body, all of which are *known*; none for an empty body.

    One of *known* that ends with a dot, ``data.``, stands for all whose names begin so.

    Raises:
        Problem: unsupported-media-type, or invalid-request with a pointer to each member that is not known.
        MalformedJson, JsonTooComplex: the body is no JSON that we take.
    """
    body = body_object()
    families = tuple(name for name in known if name.endswith("."))
    unknown = [name for name in body if name in families or not (name in known or name.startswith(families))]
    wanted = f"known here: {', '.join(known)}" if known else "no member is known here"
    refuse([{"pointer": pointer(name[:80]), "detail": f"is not known; {wanted}"} for name in unknown])
    return body


def body_object() -> dict[str, Any]:
    """Return the members of the body; none for an empty body. Raises as ``asked``."""
    if not g.body:
        return {}
    media = (request.content_type or "").partition(";")[0].strip().lower()
    if media not in (JSON, MERGE_PATCH):
        found = media or "no Content-Type"
        raise Problem("unsupported-media-type", f"Found {found}; wanted {JSON}.", headers={"Accept-Post": JSON})
    body = parse(g.body)
    if not isinstance(body, dict):
        refuse([{"pointer": "", "detail": "must be an object"}])
    return dict(body)


def refuse(errors: Errors) -> None:
    """Answer invalid-request where there are *errors*."""
    if errors:
        raise invalid(errors)


def invalid(errors: Errors) -> Problem:
    """Return the problem invalid-request with *errors*."""
    places = "; ".join(f"{error['pointer'] or 'the body'} {error['detail']}" for error in errors[:5])
    return Problem("invalid-request", f"The body does not fit: {places}.", errors=errors)


def instant(value: Any, member: str) -> datetime:
    """Return the instant that the member *member*, RFC 3339 text with a time zone, names.

    Raises:
        Problem: invalid-request, with a pointer to it.
    """
    found = instant_of(value) if isinstance(value, str) else None
    if found is None:
        detail = "must be RFC 3339 text with a time zone, such as 2026-11-22T09:00:00Z"
        raise invalid([{"pointer": f"/{member}", "detail": detail}])
    return found


def selection(body: Mapping[str, Any]) -> Selection:
    """Return which runs *body*, an object with FILTERS, selects.

    Raises:
        Problem: invalid-request with pointers; also for a filter that is empty and does not say ``all``.
    """
    errors: Errors = []

    def read(name: str, reading: Callable[[Any], Any], detail: str) -> Any:
        """Return what *reading* makes of a member; None where it is not there, or is none that can be read."""
        found = reading(body[name]) if name in body else None
        if name in body and found is None:
            errors.append({"pointer": f"/{name}", "detail": detail})
        return found

    texts = {name: read(name, _text, f"must be text of 1 to {LONGEST} characters") for name in TEXTS}
    states = read("state", _states, f"must be one or several of {', '.join(STATES)}, failed, parted by commas")
    since, until = (
        read(name, _moment, "must be RFC 3339 text with a time zone, such as 2026-11-22T09:00:00Z")
        for name in ("from", "to")
    )
    ids = read("ids", _ids, f"must be a list of at most {MOST_IDS:,} ids of runs")
    everything = read("all", lambda value: value if isinstance(value, bool) else None, "must be true or false")
    if not errors and not everything and not set(body) - {"all"}:
        errors.append(
            {"pointer": "", "detail": 'names no filter; to act on all that can be acted on, send {"all":true}'}
        )
    data = [name for name in body if name.startswith("data.")]
    values = {
        name: read(name, _plain, f"must be text of 1 to {LONGEST} characters, a number, true, false or null")
        for name in data
    }
    if len(data) > MOST_SOUGHT:
        errors.append({"pointer": "", "detail": f"has {len(data)} filters by data; {MOST_SOUGHT} are the most"})
    refuse(errors)
    sought = tuple(Sought(name.removeprefix("data."), value) for name, value in values.items())
    wanted = RunFilter(states=states or (), data=sought, **{name: text or "" for name, text in texts.items()})
    return Selection(wanted=wanted, since=since, until=until, ids=ids)


def named_states(text: str) -> tuple[str, ...]:
    """Return the states that a filter names: several with commas; ``failed`` means dead and expired.

    Raises:
        ValueError: with the first that is none.
    """
    named = [part for part in text.split(",") if part]
    for part in named:
        if part not in (*STATES, "failed"):
            raise ValueError(part)
    return tuple(dict.fromkeys(state for part in named for state in (FAILED if part == "failed" else (part,))))


def is_text(value: Any) -> bool:
    """Tell whether *value* may be a name, an id or a type."""
    return isinstance(value, str) and 1 <= len(value) <= LONGEST


def _text(value: Any) -> str | None:
    return value if is_text(value) else None


def _plain(value: Any) -> str | None:
    """Return a value that data may hold as it is sought: a string as it is, all else as JSON."""
    if isinstance(value, str):
        return _text(value)
    return compact.text(value) if value is None or isinstance(value, int | float) else None


def _states(value: Any) -> tuple[str, ...] | None:
    try:
        return named_states(value) or None if isinstance(value, str) else None
    except ValueError:
        return None


def _moment(value: Any) -> int | None:
    return moment_of(value) if isinstance(value, str) else None


def _ids(value: Any) -> list[str] | None:
    fine = isinstance(value, list) and len(value) <= MOST_IDS and all(map(is_text, value))
    return list(dict.fromkeys(value)) if fine else None
