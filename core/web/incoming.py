"""Reads events from HTTP requests: CloudEvents 1.0 (structured, batch, binary) and plain JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from core.clock import to_ms
from core.emitting import LONGEST
from core.errors import InvalidEvent
from core.events import ID_TEXT, SOURCE_TEXT, SUBJECT_TEXT, TYPE, pointer
from core.web.problems import Problem
from core.web.strict_json import parse

PLAIN, STRUCTURED, BATCH = "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"
ACCEPTED = f"{PLAIN}, {STRUCTURED}, {BATCH}"
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
EXTENSION = re.compile(r"[a-z0-9]{1,20}")
EXTRAS_LIMIT = 1024  # bytes, as JSON, of all attributes together that are neither checked nor named here
AHEAD = timedelta(hours=24)
NO_TIME = "must be RFC 3339 text with a time zone, such as 2026-11-22T09:00:00Z"
WAITING = ("delay", "at")
CHECKED = {"specversion", "id", "type", "source", "subject", "time", "datacontenttype", "dataschema"}
KNOWN = CHECKED | {"data", "data_base64"}


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One event as a sender gave it; empty where the sender gave nothing.

    ``delay`` and ``at`` say, in ms, when its runs may start; one of them is 0.
    """

    type: str
    data: Any
    id: str = ""
    source: str = ""
    subject: str | None = None
    time: str = ""
    extensions: dict[str, Any] = field(default_factory=dict)
    delay: int = 0
    at: int = 0


def attributes(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the CloudEvents attributes that stand in a request's headers, those of a binary event."""
    found = [name for name in environ if name.startswith("HTTP_CE_")]
    return {name[8:].replace("_", "-").lower(): _decoded(environ[name]) for name in found}


def media_type(content_type: str) -> str:
    """Return a Content-Type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def read(binary: dict[str, str], media: str, body: bytes) -> list[Any] | Any:
    """Return what a request says before it is checked: one event's fields, or a list of them for a batch.

    *binary* are the attributes in its headers, *media* is the type of its *body*.

    Raises:
        Problem: unsupported-media-type.
        MalformedJson, JsonTooComplex: the body is no JSON that we take.
        InvalidEvent: a batch that is no list.
    """
    if binary and not body and media not in (STRUCTURED, BATCH):
        return binary
    if media not in (PLAIN, STRUCTURED, BATCH):
        raise Problem(
            "unsupported-media-type",
            f"Found {media or 'no Content-Type'}; wanted one of {ACCEPTED}.",
            headers={"Accept-Post": ACCEPTED},
        )
    found = parse(body)
    if media == BATCH:
        if not isinstance(found, list):
            raise InvalidEvent("A batch is a JSON array of events.", [{"pointer": "", "detail": "must be an array"}])
        return found
    if media == PLAIN and binary:
        return binary | {"data": found}
    return found


def checked(found: Any, now: datetime, *, cloud: bool) -> Incoming:
    """Return one event's fields as an event, if each is as it should be.

    With *cloud* they are CloudEvents attributes, of which unknown ones are extensions; without, they are plain, and
    may have their runs wait: ``delay``, in seconds, or ``at``.

    Raises:
        InvalidEvent: naming every field that is not, by JSON pointer.
    """
    if not isinstance(found, dict):
        raise InvalidEvent("An event is a JSON object.", [{"pointer": "", "detail": "must be an object"}])
    errors: list[dict[str, str]] = []

    def want(fine: bool, name: str, detail: str) -> None:
        if not fine:
            errors.append({"pointer": pointer(name) if name else "", "detail": detail})

    extensions = {name: value for name, value in found.items() if name not in KNOWN}
    if cloud:
        want(found.get("specversion") == "1.0", "specversion", 'must be "1.0"')
        for name, value in extensions.items():
            fine = bool(EXTENSION.fullmatch(name)) and isinstance(value, str | int | bool)
            want(fine, name, "an extension has a name of 1 to 20 lower-case letters and digits, and a simple value")
    else:
        for name in [name for name in extensions if name not in WAITING]:
            want(False, name, "is not known; an event has type, data, id, source, subject, time, delay and at")
        _check_waiting(found, now, want)
    want(
        _is(ID_TEXT, found.get("id"), optional=not cloud),
        "id",
        "must be 1 to 128 letters, digits and . _ : @ / + = ~ # -",
    )
    want(
        _is(SOURCE_TEXT, found.get("source"), optional=not cloud),
        "source",
        "must be a URI reference up to 256 characters",
    )
    want(_is(TYPE, found.get("type")), "type", "must be an event type such as order.placed")
    want(_is(SUBJECT_TEXT, found.get("subject"), optional=True), "subject", "must be text of 1 to 256 characters")
    want(_is(SOURCE_TEXT, found.get("dataschema"), optional=True), "dataschema", "must be a URI up to 256 characters")
    want(_json(found.get("datacontenttype")), "datacontenttype", "must be application/json")
    want("data_base64" not in found, "data_base64", "binary data is not taken; send JSON as data")
    _check_time(found.get("time"), now, want)
    kept = {name: found[name] for name in ("dataschema", "datacontenttype") if found.get(name)}
    kept |= extensions if cloud else {}
    size = len(json.dumps(kept, ensure_ascii=False).encode()) if kept else 0
    want(size <= EXTRAS_LIMIT, "", f"extensions, dataschema and datacontenttype take {EXTRAS_LIMIT} bytes at most")
    if errors:
        places = "; ".join(f"{error['pointer'] or 'the event'} {error['detail']}" for error in errors)
        raise InvalidEvent(f"The event is not valid: {places}", errors)
    return Incoming(
        type=found["type"],
        data=found.get("data", {}),
        id=found.get("id") or "",
        source=found.get("source") or "",
        subject=found.get("subject"),
        time=found.get("time") or "",
        extensions=kept,
        **({} if cloud else _waiting(found, now)),
    )


def is_cloud(binary: Mapping[str, str], media: str) -> bool:
    """Tell whether a request with these attributes in its headers and this type of body speaks CloudEvents."""
    return bool(binary) or media in (STRUCTURED, BATCH)


def _decoded(header: str) -> str:
    """Return a header's value as CloudEvents' HTTP binding has it: perhaps quoted, then percent-encoded."""
    if len(header) > 1 and header[0] == header[-1] == '"':
        header = re.sub(r"\\(.)", r"\1", header[1:-1])
    return unquote(header)


def _is(pattern: re.Pattern[str], value: Any, *, optional: bool = False) -> bool:
    return (optional and value is None) or (isinstance(value, str) and bool(pattern.fullmatch(value)))


def _json(media: Any) -> bool:
    return media is None or (isinstance(media, str) and media_type(media) == PLAIN)


def _check_time(value: Any, now: datetime, want: Any) -> None:
    if value is None:
        return
    moment = _moment(value)
    want(moment is not None, "time", NO_TIME)
    want(moment is None or moment <= now + AHEAD, "time", "lies more than 24 h ahead")


def _check_waiting(found: Mapping[str, Any], now: datetime, want: Any) -> None:
    """Check what plain events say of when their runs may start."""
    delay, at = found.get("delay"), found.get("at")
    if delay is not None:
        number = isinstance(delay, int | float) and not isinstance(delay, bool)
        want(number and 0 <= delay <= LONGEST.total_seconds(), "delay", f"must be seconds, 0 to {LONGEST.days} days")
        want(at is None, "at", "cannot be given together with delay")
    elif at is not None:
        moment = _moment(at)
        want(moment is not None, "at", NO_TIME)
        want(moment is None or moment <= now + LONGEST, "at", f"lies more than {LONGEST.days} days ahead")


def _waiting(found: Mapping[str, Any], now: datetime) -> dict[str, int]:
    moment = _moment(found["at"]) if found.get("at") else None
    return {"delay": round((found.get("delay") or 0) * 1000), "at": to_ms(moment) if moment and moment > now else 0}


def _moment(value: Any) -> datetime | None:
    """Return the instant that RFC 3339 text names, or None where it names none."""
    try:
        return datetime.fromisoformat(value.upper()) if _is(TIME, value) else None
    except ValueError:
        return None
