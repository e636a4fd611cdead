"""Schedules that code declares against those that are stored: the difference, and its removal in the release phase."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from core.catalog import Catalog
from core.clock import to_ms
from core.entries import Layout, load, names
from core.ledger.firing import Stored
from core.ledger.flow import Flow
from core.passing import passed
from core.schedule import Schedule, declared, edited, replanned
from core.scheduling import put, remove

Did = Literal["add", "change", "remove", "keep", "drift"]
TRIES = 10


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a deploy does to one schedule.

    ``add``, ``change`` and ``remove`` make it as code declares it. ``drift`` is left alone: it was changed by hand
    since code last changed it. *changes* maps what differs to what is stored and what code declares.
    """

    name: str
    did: Did
    changes: Mapping[str, tuple[Any, Any]]
    place: str = ""
    wanted: Schedule | None = None
    stored: Stored | None = None
    known: Schedule | None = None


def plan(layout: Layout, catalog: Catalog, now: datetime, *, reset: bool = False) -> Flow[list[Difference]]:
    """Return what ``apply`` would do, by name. With *reset* it undoes what was changed by hand, too."""
    stored = yield from load(layout, (yield from names(layout)))
    known = {layout.name(entry.key): (entry, layout.read(entry)) for entry in stored}
    found = [
        _difference(layout, declared(declaration, to_ms(now)), *known.get(name, (None, None)), reset=reset)
        for name, declaration in catalog.schedules.items()
    ]
    found += [
        Difference(name=name, did="remove", changes={}, place=schedule.place, stored=entry, known=schedule)
        for name, (entry, schedule) in known.items()
        if schedule and schedule.owner == "code" and name not in catalog.schedules
    ]
    return sorted(found, key=lambda one: one.name)


def apply(layout: Layout, catalog: Catalog, now: datetime, *, reset: bool = False) -> Flow[list[Difference]]:
    """Make the store hold what code declares; returns what was done, by name.

    Schedules made at run time are left alone, and so is what was paused or re-timed by hand, unless code has changed
    its timing since or *reset* is said.
    """
    done: dict[str, Difference] = {}
    for _ in range(TRIES):
        left = [one for one in (yield from plan(layout, catalog, now, reset=reset)) if one.name not in done]
        for one in left:
            if (yield from _done(layout, one, now)):
                done[one.name] = one
        if all(one.name in done for one in left):
            break
    return [done[name] for name in sorted(done)]


def _difference(
    layout: Layout, wanted: Schedule, entry: Stored | None, known: Schedule | None, *, reset: bool
) -> Difference:
    head = {"name": wanted.name, "place": wanted.place, "wanted": wanted, "stored": entry, "known": known}
    if entry is None or known is None:
        nothing = entry or Stored(layout.key(wanted.name), b"", b"", b"")
        return Difference(did="add", changes={}, **head | {"stored": nothing})  # type: ignore[arg-type]
    changes = _changes(known.declared, wanted.declared)
    by_hand = known.base is not None and known.base == wanted.base and not reset
    if changes and not by_hand:
        return Difference(did="change", changes=changes, **head)  # type: ignore[arg-type]
    moved = (known.owner, known.place, known.base) != (wanted.owner, wanted.place, wanted.base)
    if changes:
        return Difference(did="drift", changes=changes, **head)  # type: ignore[arg-type]
    return Difference(did="keep", changes={} if not moved else {"place": (known.place, wanted.place)}, **head)  # type: ignore[arg-type]


def _done(layout: Layout, one: Difference, now: datetime) -> Flow[bool]:
    """Carry a difference out; returns False where somebody changed the schedule meanwhile."""
    if one.stored is None or one.did == "drift" or (one.did == "keep" and not one.changes):
        return True
    if one.wanted is None:
        return (yield from remove(layout, one.name, one.stored))
    if one.known is None:
        return (yield from put(layout, one.wanted, one.stored))
    target = edited(one.known, replace(one.wanted, pause=one.known.pause, skips=one.known.skips), to_ms(now))
    rows = passed(one.known, now, "edited before it fired") if replanned(one.known, target) else []
    return (yield from put(layout, target, one.stored, rows))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
