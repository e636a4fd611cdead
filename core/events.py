"""What an event is: an immutable fact, in code a typed class, on the wire JSON."""

import inspect
import re
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Self

from blinker import Signal
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from pydantic_core import to_jsonable_python

from core import compact
from core.errors import DeclarationError, InvalidEvent

TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
ID_TEXT = re.compile(r"[A-Za-z0-9._:@/+=~#-]{1,128}")
SOURCE_TEXT = re.compile(r"[^\x00-\x20\x7f\ud800-\udfff]{1,256}")
SUBJECT_TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,256}")
RESERVED = ("data", "signal", "type")


class Event(BaseModel):
    """A fact that happened. Subclass it, give it a type and fields::

        class OrderPlaced(Event, type="order.placed"):
            order_id: int

    The fields are the event's data. A subclass without ``type=`` is a base for others: it cannot be emitted.
    ``Event.signal`` is sent for every event, a class's own ``signal`` for its events; the sender is the Flask
    app, the event comes as ``event=``. ``Event(type=..., data=...)`` makes an event of a type that no class
    declares: what a handler of a pattern gets.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_alias=True, validate_by_name=True, ser_json_inf_nan="constants"
    )

    signal: ClassVar[Signal] = Signal("every event, before it is recorded")
    type: ClassVar[str] = ""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return super().__new__(AnyEvent if cls is Event else cls)  # type: ignore[return-value]

    def __init__(self, /, **data: Any) -> None:
        super().__init__(**data)

    def __init_subclass__(cls, *, type: str = "", **options: Any) -> None:  # noqa: A002 - the word of the front door
        super().__init_subclass__(**options)
        given = vars(cls).get("type", type)
        if "type" not in vars(cls):
            cls.type = type
        cls.signal = Signal(f"event {type or cls.__qualname__}, before it is recorded")
        odd = not (isinstance(given, str) and TYPE.fullmatch(given))
        if given and odd and not isinstance(given, property):
            raise DeclarationError(
                [
                    f"{cls.__module__}.{cls.__qualname__}: type={given!r} is no event type. "
                    "Use letters, digits and . _ : / -, e.g. order.placed"
                ]
            )
        if taken := sorted(set(RESERVED) & set(inspect.get_annotations(cls))):
            raise DeclarationError(
                [
                    f"{cls.__module__}.{cls.__qualname__}: a field cannot be called {', '.join(taken)}: "
                    "every event has these already. Choose other names."
                ]
            )

    @property
    def data(self) -> dict[str, Any]:
        """The event's fields as plain JSON values."""
        return self.model_dump(mode="json")


class AnyEvent(Event):
    """An event known by its type alone: ``type`` and ``data`` (a dict)."""

    _type: str = PrivateAttr()
    _data: dict[str, Any] = PrivateAttr()

    def __init__(self, *, type: str, data: dict[str, Any] | None = None) -> None:  # noqa: A002 - as above
        super().__init__()
        self._type = type
        self._data = to_jsonable_python(data or {})

    @property
    def type(self) -> str:  # type: ignore[override]
        return self._type

    @property
    def data(self) -> dict[str, Any]:
        return self._data

    def __repr_args__(self) -> list[tuple[str, Any]]:
        return [("type", self._type), ("data", self._data)]


def matches(selector: str, event_type: str) -> bool:
    """Tell whether *selector*, a type or a pattern such as ``github.*``, takes *event_type*."""
    return selector == event_type or ("*" in selector and fnmatchcase(event_type, selector))


def validated(cls: type[Event], data: Any, *, lenient: bool = False) -> Event:
    """Return *data* as an event of *cls*.

    With *lenient*, unknown fields are passed over: a worker of an older release must be able to read what a
    newer one recorded.

    Raises:
        InvalidEvent: with a JSON pointer for each field that does not fit.
    """
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        unknown = {
            problem["loc"][0] for problem in found if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1
        }
        if lenient and len(unknown) == len(found):
            return validated(cls, {name: value for name, value in data.items() if name not in unknown})
        errors = [{"pointer": pointer("data", *f["loc"]), "detail": f["msg"]} for f in found]
        places = "; ".join(f"{place['pointer']}: {place['detail']}" for place in errors)
        raise InvalidEvent(f"{cls.type} does not fit {cls.__qualname__}: {places}", errors) from error


def plain(name: str, model: BaseModel) -> dict[str, Any]:
    """Return *model*, an event or the arguments of a call, as plain values; not all of them need be JSON.

    Raises:
        InvalidEvent: it has an object of a strange class.
    """
    try:
        return model.data if isinstance(model, Event) else model.model_dump(mode="json", exclude_unset=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise _unwritten(name, error) from error


def recordable(name: str, model: BaseModel) -> dict[str, Any]:
    """Return *model*, an event or the arguments of a call, as the JSON that is recorded of it.

    Raises:
        InvalidEvent: it has no JSON form: NaN, half a surrogate pair, an object of a strange class.
    """
    data = plain(name, model)
    try:
        compact.text(data).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _unwritten(name, error) from error
    return data


def _unwritten(name: str, error: Exception) -> InvalidEvent:
    detail = f"it cannot be written as JSON: {error}"
    return InvalidEvent(f"{name} cannot be recorded; {detail}", [{"pointer": "/data", "detail": detail}])


def pointer(*path: object) -> str:
    """Return the JSON pointer (RFC 6901) to *path*."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
