"""What people write into the search boxes: ``type:github.* subject:"order 7" from:24h``."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta

from core.clock import to_ms
from core.errors import CoreError
from core.ledger.paths import Sought
from core.wording import earlier

LONGEST = 1000  # characters of a query
MOST = 20  # terms of a query
DATA = "data."
WORD = re.compile(r'\s*(?:(?P<key>[^\s:"]+):)?+(?P<text>"(?:[^"\\]|\\.)*"|[^\s"]\S*|(?=\s|$))(?=\s|$)')
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
TIMES = "a time such as 14:25, 2026-11-24, 2026-11-24T14:25:00Z, or an age: 30min, 24h, 7d"


class BadQuery(CoreError):
    """This search cannot be understood."""


def terms(query: str, known: Sequence[str], *, bare: str = "") -> list[tuple[str, str]]:
    """Return the terms of *query* in their order, as pairs of a key and its text.

    *known* are the keys that may stand there; one that ends with a dot, ``data.``, takes in all that begin so. A word
    without a key is one of *bare*, where that is given.

    Raises:
        BadQuery: what was found, what may stand there.
    """
    query = query.strip()
    if len(query) > LONGEST:
        raise BadQuery(f"The search has {len(query):,} characters; {LONGEST:,} are the most.")
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(query):
        word = WORD.match(query, place)
        if word is None:
            rest = query[place:].strip()
            raise BadQuery(f'Found {_clip(rest)}: a quotation mark has no partner. Write key:"some words".')
        found.append(_term(word["key"], word["text"], known, bare))
        place = word.end()
    if len(found) > MOST:
        raise BadQuery(f"The search has {len(found)} terms; {MOST} are the most.")
    return found


def spelled(pairs: Collection[tuple[str, str]]) -> str:
    """Return the query that means *pairs*."""
    return " ".join(f"{key}:{_quoted(text)}" for key, text in pairs)


def repeated(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the first key that stands there more than once, or ''; those of data may."""
    keys = [key for key, _ in pairs if not key.startswith(DATA)]
    return next((key for key in keys if keys.count(key) > 1), "")


def sought(pairs: Sequence[tuple[str, str]]) -> tuple[Sought, ...]:
    """Return what ``data.<path>:`` asks for."""
    return tuple(Sought(key.removeprefix(DATA), text) for key, text in pairs if key.startswith(DATA))


def stretch(named: Mapping[str, str], now: datetime) -> tuple[int | None, int | None]:
    """Return the instants, in ms since the epoch, that ``from:`` and ``to:`` mean; None for one that is not there.

    Raises:
        BadQuery: one means no instant.
    """
    since = to_ms(instant("from", named["from"], now)) if "from" in named else None
    until = to_ms(instant("to", named["to"], now, end=True)) if "to" in named else None
    return since, until


def instant(key: str, text: str, now: datetime, *, end: bool = False) -> datetime:
    """Return the instant that *text*, the value of *key*, means; times without a zone are in that of *now*.

    A clock time is the last one that has passed. A day means its first instant, or with *end* its last.

    Raises:
        BadQuery: it means none.
    """
    text = text.strip()
    found = earlier(text, now) or _clock(text, now) or _dated(text, now, end=end)
    if found is None:
        raise BadQuery(f"Found {key}:{_clip(text)}; wanted {TIMES}.")
    return found


def _term(key: str | None, text: str, known: Sequence[str], bare: str) -> tuple[str, str]:
    if key is None:
        if not bare:
            raise BadQuery(f"Found {_clip(text)}, a word without a key. Known here: {_keys(known)}.")
        return bare, _unquoted(text)
    families = [one for one in known if one.endswith(".")]
    if key in families or (key not in known and not key.startswith(tuple(families))):
        raise BadQuery(f"Found {_clip(key)}:, which is no key here. Known: {_keys(known)}.")
    if not text:
        raise BadQuery(f"Found {_clip(key)}: with nothing behind it. Write a value, or leave the key out.")
    return key, _unquoted(text)


def _clock(text: str, now: datetime) -> datetime | None:
    found = CLOCK.fullmatch(text)
    if found is None:
        return None
    try:
        at = time(int(found[1]), int(found[2]), int(found[3] or 0))
    except ValueError:
        return None
    today = datetime.combine(now.date(), at, now.tzinfo)
    return today if today <= now else datetime.combine(now.date() - timedelta(days=1), at, now.tzinfo)


def _dated(text: str, now: datetime, *, end: bool) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.upper())
        found = found if found.tzinfo else found.replace(tzinfo=now.tzinfo)
        whole_day = len(text) == len("2026-11-24") and end
        found = found + timedelta(days=1) - timedelta(milliseconds=1) if whole_day else found
        found.timestamp()
    except (ValueError, OverflowError):
        return None
    return found


def _keys(known: Sequence[str]) -> str:
    return " ".join(f"{key}<path>:" if key.endswith(".") else f"{key}:" for key in known)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _quoted(text: str) -> str:
    if text and not re.search(r'[\s"]', text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _clip(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
