"""Sending an event by hand: the form of its type, and what becomes of its answers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from secrets import token_hex
from typing import Any

from core import compact
from core.bus import Receipt
from core.catalog import Catalog
from core.dashboard.schema_form import Field, fields, read
from core.emitting import emit
from core.errors import InvalidEvent, UnknownEvent
from core.event_types import EventType
from core.events import matches
from core.web.strict_json import JsonTooComplex, MalformedJson, parse

SOURCE = "/dashboard"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The form for one type; without ``fields`` its data are one JSON text, and for a pattern the type is asked for.

    ``name`` is the type as it stands in the form. ``errors`` are by ``type``, ``data``, or '' for the rest.
    """

    kinds: Sequence[EventType]
    kind: EventType
    name: str
    nonce: str
    fields: Sequence[Field] | None
    data: str = "{}"
    errors: Mapping[str, str] = field(default_factory=dict)


def trial(kinds: Sequence[EventType], wanted: str, zone: tzinfo, usual: str = "") -> Trial | None:
    """Return the empty form for the type *wanted* of *kinds*, else for the *usual* one; None where no type is known."""
    names = {kind.name: kind for kind in kinds}
    kind = names.get(wanted) or next((one for one in kinds if one.is_pattern and matches(one.name, wanted)), None)
    name = wanted
    if kind is None:
        kind = names.get(usual) or (kinds[0] if kinds else None)
        name = kind.name if kind else ""
    if kind is None:
        return None
    name = "" if "*" in name else name
    form = fields(kind.schema, zone) if kind.schema else None
    return Trial(kinds=kinds, kind=kind, name=name, nonce=token_hex(8), fields=form)


def send(empty: Trial, form: Mapping[str, str], catalog: Catalog, zone: tzinfo) -> Receipt | Trial:
    """Send the event that *form* describes; returns the form with its answers and their errors if it is none."""
    kind = empty.kind
    name = form.get("type", "").strip() if kind.is_pattern else kind.name
    text = form.get("data", "")
    data, wrong, errors = _given(kind, form, text, zone)
    if not wrong and not errors:
        try:
            event = catalog.event(name, data)
            return emit(event, id=_ident(form.get("nonce", ""), name, data), source=SOURCE)
        except UnknownEvent as error:
            errors["type"] = str(error)
        except InvalidEvent as error:
            wrong, errors = _placed(kind, error)
    shown = fields(kind.schema, zone, form, wrong) if kind.schema else None
    return replace(empty, name=name, data=text, fields=shown, errors=errors, nonce=form.get("nonce", "")[:64])


def _given(
    kind: EventType, form: Mapping[str, str], text: str, zone: tzinfo
) -> tuple[Any, dict[str, str], dict[str, str]]:
    """Return the data, and what is wrong with fields and with all of them."""
    if kind.schema:
        return *read(kind.schema, form, zone), {}
    try:
        return parse(text.encode("utf-8", "surrogatepass")), {}, {}
    except (MalformedJson, JsonTooComplex) as error:
        return None, {}, {"data": f"This is not JSON: {error}"}


def _placed(kind: EventType, error: InvalidEvent) -> tuple[dict[str, str], dict[str, str]]:
    """Lay what is wrong beside the fields it concerns; what concerns none comes second."""
    known = (kind.schema or {}).get("properties", {})
    wrong: dict[str, str] = {}
    rest: dict[str, str] = {}
    for one in error.errors or [{"pointer": "", "detail": str(error)}]:
        root, name, inner = _parts(one["pointer"])
        detail = f"{inner}: {one['detail']}" if inner else one["detail"]
        if root == "data" and name in known:
            wrong[name] = f"{wrong[name]}; {detail}" if name in wrong else detail
        else:
            key = root if root in ("type", "data") and not kind.schema else ""
            detail = f"{name}: {detail}" if name else detail
            rest[key] = f"{rest[key]}; {detail}" if key in rest else detail
    return wrong, rest


def _parts(pointer: str) -> tuple[str, str, str]:
    """Part a JSON pointer into its first name, its second, and the rest, dotted."""
    names = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    root, name, *inner = [*names, "", ""]
    return root, name, ".".join(inner).rstrip(".")


def _ident(nonce: str, name: str, data: Any) -> str:
    """Return the event's id: that of the same form sent twice is the same."""
    try:
        content = compact.ordered([nonce, name, data])
    except RecursionError:
        content = token_hex(16)
    return hashlib.sha256(content.encode()).hexdigest()[:32]
