"""Emits events from a process of a clone of this project."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import core
from benchmarks.bench.cost import measured
from benchmarks.bench.offers import ORDER, paced
from core.app import create_app
from core.house import house

PATIENCE = 120.0  # seconds that hints may take to reach the broker
CHUNK = 1000


def emit_one(count: int) -> dict[str, float]:
    """Emit events that one handler answers."""
    return _measured(count, lambda times: _each("One", times))


def emit_ten(count: int) -> dict[str, float]:
    """Emit events that ten handlers answer."""
    return _measured(count, lambda times: _each("Ten", times))


def emit_many(count: int) -> dict[str, float] | None:
    """Emit a thousand events at a time; None where the front door has no such call."""
    return _measured(count, lambda times: _chunks("One", times), warm=CHUNK) if _many() else None


def fill_noop(count: int) -> None:
    """Emit what a worker will drain."""
    _fill("One", count)


def fill_noop_async(count: int) -> None:
    """Emit what a worker will drain, for async handlers."""
    _fill("OneAsync", count)


def fill_nap(count: int) -> None:
    """Emit what a worker will drain, of the kind that waits."""
    _fill("Nap", count)


def fill_long_nap(count: int) -> None:
    """Emit what will be asleep at once."""
    _fill("LongNap", count)


def latency(count: int) -> None:
    """Emit one event each 20 ms."""
    app = create_app()
    kind = _kind("Timed")
    with app.app_context():
        paced(count, lambda sent: core.emit(kind(sent=sent, **ORDER)))


def _measured(count: int, act: Callable[[int], None], warm: int = 50) -> dict[str, float]:
    """Measure until the last hint is with the broker: an emit that returns has recorded, and may owe its hint."""
    app = create_app()

    def all_of_it(times: int = count) -> None:
        act(times)
        house(app).flush(PATIENCE)

    with app.app_context():
        all_of_it(warm)
        return measured(count, all_of_it)


def _fill(name: str, count: int) -> None:
    app = create_app()
    with app.app_context():
        (_chunks if _many() else _each)(name, count)
        house(app).flush(PATIENCE)


def _each(name: str, count: int) -> None:
    kind = _kind(name)
    for _ in range(count):
        core.emit(kind(**ORDER))


def _chunks(name: str, count: int) -> None:
    kind, many = _kind(name), _many()
    for done in range(0, count, CHUNK):
        many([kind(**ORDER) for _ in range(min(CHUNK, count - done))])


def _many() -> Any:
    return getattr(core, "emit_many", None)


def _kind(name: str) -> Any:
    return getattr(import_module("handlers.bench"), name)
