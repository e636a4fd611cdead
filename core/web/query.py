"""Reads query strings of lists: filters, times, limits and opaque cursors; bad ones answer 400 bad-query."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response, jsonify, request

from core.clock import from_ms, to_ms
from core.ledger.listing import Page
from core.ledger.paths import Sought
from core.web.problems import Problem

PAGING = ("limit", "cursor", "from", "to")
MOST, USUAL = 500, 50
MOST_SOUGHT = 20


def page_of(args: Mapping[str, str], filters: Sequence[str]) -> tuple[Page, dict[str, str]]:
    """Return the page that *args* ask for, and their filters.

    A filter that ends with a dot, ``data.``, stands for all whose names begin so.

    Raises:
        Problem: bad-query.
    """
    families = tuple(name for name in filters if name.endswith("."))
    of_family = [name for name in args if name.startswith(families) and name not in families]
    if unknown := [name for name in args if name not in (*PAGING, *filters, *of_family) or name in families]:
        raise Problem("bad-query", f"Found {', '.join(unknown)}; known here: {', '.join((*filters, *PAGING))}.")
    page = Page(limit=limit_of(args), before=cursor_of(args), since=_moment(args, "from"), until=_moment(args, "to"))
    return page, {name: args[name] for name in (*filters, *of_family) if args.get(name)}


def sought(filters: dict[str, str]) -> list[Sought]:
    """Take the filters by data out of *filters*.

    Raises:
        Problem: bad-query.
    """
    names = [name for name in filters if name.startswith("data.")]
    if len(names) > MOST_SOUGHT:
        raise Problem("bad-query", f"Found {len(names)} filters by data; {MOST_SOUGHT} are the most.")
    return [Sought(name.removeprefix("data."), filters.pop(name)) for name in names]


def limit_of(args: Mapping[str, str]) -> int:
    """Return how many items are wanted, 50 if nothing is said."""
    text = args.get("limit", str(USUAL))
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MOST):
        raise Problem("bad-query", f"Found limit={text[:40]}; wanted a number from 1 to {MOST}.")
    return int(text)


def cursor_of(args: Mapping[str, str]) -> int | None:
    """Return the place that the cursor names, or None without one."""
    text = args.get("cursor")
    if text is None:
        return None
    try:
        place = int(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except ValueError:
        place = -1
    if place < 0 or cursor(place) != text:
        raise Problem("bad-query", "The cursor is not one that this server gave.")
    return place


def cursor(place: int) -> str:
    """Return *place* as an opaque cursor."""
    return urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def answer(items: Sequence[Any], place: int | None) -> Response:
    """Return a list as the API answers it."""
    return jsonify({"items": items, "next": None if place is None else cursor(place)})


def named_page(args: Mapping[str, str]) -> tuple[str, int]:
    """Return the name after which a list by name goes on, '' from the start, and how many items are wanted.

    Raises:
        Problem: bad-query.
    """
    if unknown := [name for name in args if name not in PAGING[:2]]:
        raise Problem("bad-query", f"Found {', '.join(unknown)[:80]}; known here: {', '.join(PAGING[:2])}.")
    text = args.get("cursor")
    if text is None:
        return "", limit_of(args)
    try:
        kind, _, name = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode().partition(":")
    except ValueError:
        kind, name = "", ""
    if kind != "name" or _name_cursor(name) != text:
        raise Problem("bad-query", "The cursor is not one that this server gave.")
    return name, limit_of(args)


def named_answer(items: Sequence[Any], last: str | None) -> Response:
    """Return a list by name as the API answers it; *last* is the last name of the page, if more follow."""
    return jsonify({"items": items, "next": None if last is None else _name_cursor(last)})


def _name_cursor(name: str) -> str:
    return urlsafe_b64encode(f"name:{name}".encode()).decode().rstrip("=")


def moment_of(text: str) -> int | None:
    """Return the instant that RFC 3339 *text* names, in ms since the epoch, or None where it names none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else to_ms(moment)


def instant_of(text: str) -> datetime | None:
    """Return the instant, of the years 1 to 9999 in UTC, that RFC 3339 *text* names, or None where it names none."""
    ms = moment_of(text)
    try:
        return None if ms is None else from_ms(ms)
    except (ValueError, OverflowError):
        return None


def refuse_odd_bytes() -> None:
    """Refuse a query string that is not UTF-8: to ask for its arguments would fail.

    Raises:
        Problem: bad-query.
    """
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        raise Problem("bad-query", "The query string holds bytes that are not UTF-8; percent-encode it.") from None


def _moment(args: Mapping[str, str], name: str) -> int | None:
    text = args.get(name)
    if text is None:
        return None
    found = moment_of(text.replace(" ", "+"))  # a bare + in a query string means a space
    if found is None:
        raise Problem("bad-query", f"Found {name}={text[:40]}; wanted RFC 3339 such as 2026-11-22T09:00:00Z.")
    return found
