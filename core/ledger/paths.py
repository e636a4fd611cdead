"""Looking into data: which of some events hold a value at a path such as ``user.id``."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core import compact
from core.causes import unsealed
from core.ledger.flow import Flow
from core.ledger.keys import Keys

LARGEST = 1024 * 1024  # bytes; a longer record is not looked into
AT_ONCE = 4 * 1024 * 1024  # bytes of records that are read in one go
DEEPEST = 12  # names in a path


@dataclass(frozen=True)
class Sought:
    """A value at a path: *path* is dotted, *text* is the value's JSON or, for a string, the string itself.

    A name in the path may hold dots; a number counts the items of a list from 0. Where a list stands, it is enough
    that one of its items fits: ``labels.name:bug``.
    """

    path: str
    text: str

    @cached_property
    def _names(self) -> list[str]:
        return self.path.split(".", DEEPEST - 1)

    @cached_property
    def _values(self) -> list[Any]:
        with suppress(ValueError, RecursionError):
            return [self.text, json.loads(self.text)]
        return [self.text]

    @cached_property
    def _spellings(self) -> list[bytes]:
        """What of the value has to stand in a record; nothing where it has many spellings."""
        found = [compact.quoted(self.text)[1:-1]]
        for value in self._values[1:]:
            if isinstance(value, dict | list | str):
                return []
            found.append(json.dumps(value))
            if isinstance(value, int | float):
                with suppress(ValueError, OverflowError):  # it is not finite, or has no other spelling
                    found += [json.dumps(float(value)), json.dumps(int(value))]
        return [spelling.encode("utf-8", "surrogatepass") for spelling in found]

    @cached_property
    def _named(self) -> list[bytes]:
        """What of the path has to stand in a record."""
        names = [compact.quoted(name)[1:-1] for name in self._names if not name.isdecimal()]
        return [name.encode("utf-8", "surrogatepass") for name in names]

    def may_be_in(self, record: bytes) -> bool:
        """Tell whether it is worth reading *record*, which is JSON as the ledger writes it."""
        spelled = not self._spellings or any(spelling in record for spelling in self._spellings)
        return spelled and all(name in record for name in self._named)

    def is_in(self, data: Any) -> bool:
        """Tell whether *data* hold the value at the path."""
        return any(_same(found, value) for found in _at(data, self._names) for value in self._values)


def holding(keys: Keys, causes: Sequence[str], wanted: Sequence[Sought]) -> Flow[tuple[set[str], int, int]]:
    """Return those of *causes* whose data hold all that is *wanted*, how many were looked at, and how many bytes.

    Not all of them are looked at where their data are large; the first one always is.
    """
    sizes = yield [("STRLEN", keys.record(cause)) for cause in causes]
    count = read = 0
    for size in sizes:
        taken = size if size <= LARGEST else 0
        if count and read + taken > AT_ONCE:
            break
        count, read = count + 1, read + taken
    small = [cause for cause, size in zip(causes[:count], sizes, strict=False) if 0 < size <= LARGEST]
    records = (yield [("GET", keys.record(cause)) for cause in small]) if small else []
    return {cause for cause, record in zip(small, records, strict=True) if _holds(record, wanted)}, count, read


def _holds(record: bytes | None, wanted: Sequence[Sought]) -> bool:
    if record is None or not all(sought.may_be_in(record) for sought in wanted):
        return False
    data = unsealed(record).data
    return all(sought.is_in(data) for sought in wanted)


def _at(value: Any, names: Sequence[str]) -> Iterator[Any]:
    """Go through all values at the path *names*."""
    if not names:
        yield value
    if isinstance(value, dict):
        for end in range(1, len(names) + 1):
            name = ".".join(names[:end])
            if name in value:
                yield from _at(value[name], names[end:])
    if isinstance(value, list):
        if names and names[0].isascii() and names[0].isdecimal() and len(names[0]) < 9 and int(names[0]) < len(value):
            yield from _at(value[int(names[0])], names[1:])
        for item in value:
            if not isinstance(item, list):  # a list in a list is reached by its number
                yield from _at(item, names)


def _same(found: Any, value: Any) -> bool:
    return isinstance(found, bool) == isinstance(value, bool) and bool(found == value)
