"""JSON as a page shows it: laid out, the names in bold, and of a large value only the beginning."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from core.compact import quoted
from core.compact import text as compact_text
from core.wording import counted

MOST = 32 * 1024  # characters that are shown
WIDTH = 72  # characters of a list or object that stands on one line
LONGEST = 4000  # characters of one string
DEEPEST = 24
# What would turn the direction of writing, end a line or show nothing at all.
UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True)
class JsonView:
    """A value for a ``<pre>``; ``whole`` says whether all of it is there, ``size`` is that of its JSON in bytes."""

    markup: Markup
    whole: bool
    size: int


def json_view(value: Any, most: int = MOST) -> JsonView:
    """Return *value*, any JSON, laid out; about *most* characters of it."""
    parts: list[Markup] = []
    length, whole = 0, True
    for part, complete in _laid_out(value, 0):
        whole = whole and complete
        length += len(part)
        if length > most:
            whole = False
            parts.append(Markup("\n<i>…</i>"))
            break
        parts.append(part)
    return JsonView(Markup("").join(parts), whole, size_of(value))


def size_of(value: Any) -> int:
    """Return how many bytes *value* has as JSON."""
    try:
        return len(compact_text(value).encode("utf-8", "surrogatepass"))
    except RecursionError:
        return 0


def spelled(value: Any) -> str:
    """Return *value* laid out as text that can be edited."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _laid_out(value: Any, depth: int) -> Iterator[tuple[Markup, bool]]:
    """Go through the parts of *value* as they are written, each with whether it is complete."""
    if not isinstance(value, dict | list):
        yield _scalar(value)
    elif (line := _line(value)) is not None:
        yield line, True
    elif depth == DEEPEST:
        yield _folded(value), False
    else:
        yield from _block(value, depth)


def _block(value: dict[str, Any] | list[Any], depth: int) -> Iterator[tuple[Markup, bool]]:
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    indent = "\n" + "  " * (depth + 1)
    yield escape(opening), True
    for n, item in enumerate(value):
        yield escape(f"{',' if n else ''}{indent}"), True
        if isinstance(value, dict):
            yield Markup("<b>{}</b>: ").format(_spelled(item)), True
            yield from _laid_out(value[item], depth + 1)
        else:
            yield from _laid_out(item, depth + 1)
    yield escape("\n" + "  " * depth + closing), True


def _line(value: dict[str, Any] | list[Any]) -> Markup | None:
    """Return a short list or object of plain values as one line, or None where it is none."""
    inner = value.values() if isinstance(value, dict) else value
    if not value:
        return escape(compact_text(value))
    if len(value) > WIDTH // 3 or any(isinstance(item, dict | list) and item for item in inner):
        return None
    if sum(len(item) for item in (*value, *inner) if isinstance(item, str)) > WIDTH:
        return None
    words = [next(_laid_out(item, 0))[0] for item in inner]
    if isinstance(value, dict):
        words = [Markup("<b>{}</b>: {}").format(_spelled(name), word) for name, word in zip(value, words, strict=True)]
    line = Markup(", ").join(words)
    if len(line.striptags()) > WIDTH:
        return None
    return Markup("{{ {} }}").format(line) if isinstance(value, dict) else Markup("[{}]").format(line)


def _scalar(value: Any) -> tuple[Markup, bool]:
    if not isinstance(value, str):
        return escape(compact_text(value)), True
    if len(value) <= LONGEST:
        return escape(_spelled(value)), True
    more = Markup(" <i>{}</i>").format(f"and {len(value) - LONGEST:,} characters more")
    return escape(_spelled(value[:LONGEST])) + more, False


def _folded(value: dict[str, Any] | list[Any]) -> Markup:
    count = counted(len(value), "item")
    return Markup("<i>{}</i>").format(f"{{ {count} }}" if isinstance(value, dict) else f"[ {count} ]")


def _spelled(text: str) -> str:
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted(text))
