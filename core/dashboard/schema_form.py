"""A form made from the JSON Schema of an event type, and its answers read back as data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from core.web.strict_json import JsonTooComplex, MalformedJson, parse
from core.wording import parse as parse_time

PREFIX = "data."
Schema = Mapping[str, Any]
INPUTS = {"email": "email", "date": "date", "date-time": "datetime-local", "uri": "url", "password": "password"}
WORDS = {"email": "e-mail address", "date-time": "date and time", "uri": "address", "uuid": "UUID"}
BOUNDS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "more than"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "less than"),
    ("minLength", "characters, at least"),
    ("maxLength", "characters, at most"),
    ("pattern", "like"),
)


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of the form. ``kind`` is text, check, select or json; ``input`` the type of a text field.

    ``choices`` are the texts of a select. ``value`` is its text as given, by the reader or by the schema.
    """

    name: str
    label: str
    kind: str
    input: str = "text"
    mode: str | None = None
    required: bool = False
    hint: str = ""
    about: str = ""
    choices: Sequence[str] = ()
    value: str = ""
    error: str = ""


def fields(
    schema: Schema, zone: tzinfo, given: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> list[Field]:
    """Return the fields for *schema*; *given* are the answers so far, *errors* what is wrong with them by name."""
    required, found = schema.get("required", ()), []
    for label, prop in schema.get("properties", {}).items():
        shape = _Shape.of(prop, schema)
        name = PREFIX + label
        value = shape.spelled(_first(prop, shape.schema), zone) if given is None else given.get(name, "")
        needed = label in required
        found.append(
            Field(
                name=name,
                label=label,
                kind=shape.kind,
                input=shape.input,
                mode=shape.mode,
                required=needed and shape.kind != "check" and not shape.nullable,
                hint=_hint(shape, prop, zone, needed=needed),
                about=prop.get("description") or shape.schema.get("description") or "",
                choices=["", *shape.choices] if not needed or shape.nullable or not value else list(shape.choices),
                value=value,
                error=(errors or {}).get(label, ""),
            )
        )
    return found


def read(schema: Schema, form: Mapping[str, str], zone: tzinfo) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the data that *form* says, and what is wrong with it by name. What is left empty is not said."""
    data: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for label, prop in schema.get("properties", {}).items():
        shape, text = _Shape.of(prop, schema), form.get(PREFIX + label, "")
        if shape.kind == "check":
            data[label] = bool(text)
        elif text.strip():
            try:
                data[label] = shape.value(text, zone)
            except (MalformedJson, JsonTooComplex) as error:
                errors[label] = f"This is not JSON: {error}"
        elif shape.nullable and label in schema.get("required", ()):
            data[label] = None
    return data, errors


@dataclass(frozen=True)
class _Shape:
    """What a field takes: ``schema`` is its own without null and references."""

    schema: Schema
    nullable: bool

    @classmethod
    def of(cls, prop: Schema, whole: Schema) -> "_Shape":
        schema, nullable = prop, False
        for _ in range(8):  # a reference may lead to the next one, or back
            if "$ref" in schema:
                found: Any = whole.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})
            elif len(schema.get("allOf", ())) == 1:
                [found] = schema["allOf"]
            elif "anyOf" in schema:
                others = [one for one in schema["anyOf"] if one.get("type") != "null"]
                nullable = nullable or len(others) < len(schema["anyOf"])
                if len(others) != 1:
                    break
                [found] = others
            else:
                break
            schema = found
        return cls(schema, nullable)

    @property
    def _values(self) -> Sequence[Any]:
        found = [self.schema["const"]] if "const" in self.schema else self.schema.get("enum", ())
        return [True, False] if self.nullable and self.schema.get("type") == "boolean" else found

    @property
    def choices(self) -> list[str]:
        return [_text(value) for value in self._values]

    @property
    def kind(self) -> str:
        if self._values:
            return "select"
        simple = {"string": "text", "integer": "text", "number": "text", "boolean": "check"}
        return (
            simple.get(self.schema.get("type", ""), "json") if isinstance(self.schema.get("type", ""), str) else "json"
        )

    @property
    def input(self) -> str:
        return INPUTS.get(self.schema.get("format", ""), "text")

    @property
    def mode(self) -> str | None:
        return {"integer": "numeric", "number": "decimal"}.get(str(self.schema.get("type")))

    @property
    def word(self) -> str:
        if self.choices:
            return "one of these"
        if self.kind == "json":
            kind = {"array": "list, as JSON", "object": "object, as JSON"}
            return kind.get(str(self.schema.get("type")), "JSON")
        return WORDS.get(self.schema.get("format", ""), str(self.schema["type"]))

    def spelled(self, value: Any, zone: tzinfo) -> str:
        """Return *value*, a default or an example, as the field holds it."""
        if value is None:
            return ""
        if self.kind == "json":
            return json.dumps(value, indent=2, ensure_ascii=False)
        if self.kind == "check":
            return "true" if value else ""
        if self.input == "datetime-local" and (moment := parse_time(value)):
            return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")
        return _text(value)

    def value(self, text: str, zone: tzinfo) -> Any:
        """Return what *text* means; where it means nothing here, the text, which the type will refuse."""
        if self.kind == "select":
            return next((value for value in self._values if _text(value) == text), text)
        if self.kind == "json":
            return parse(text.encode("utf-8", "surrogatepass"))
        if self.input == "datetime-local":
            return _zoned(text, zone)
        try:
            return {"integer": int, "number": float}.get(str(self.schema.get("type")), str)(text)
        except ValueError:
            return text


def _first(prop: Schema, schema: Schema) -> Any:
    """Return what the field begins with: the default, or the first example."""
    if prop.get("default") is not None:
        return prop["default"]
    examples = prop.get("examples") or schema.get("examples") or [None]
    return examples[0]


def _hint(shape: _Shape, prop: Schema, zone: tzinfo, *, needed: bool) -> str:
    parts = [shape.word, "required" if needed else "optional"]
    if shape.input == "datetime-local" and shape.kind == "text":
        parts.append(f"in {zone}")
    parts += [f"{word} {shape.schema[name]}" for name, word in BOUNDS if name in shape.schema]
    if not needed and prop.get("default") not in (None, "") and shape.kind not in ("check", "json"):
        parts.append(f"left empty, {_text(prop['default'])}")
    return ", ".join(parts)


def _zoned(text: str, zone: tzinfo) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if found.tzinfo else found.replace(tzinfo=zone).isoformat()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
