"""Finds the user's code by name, collects what the markers noted, and refuses what cannot work."""

import importlib
import inspect
import pkgutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Blueprint

from core.catalog import Catalog, Declared, Task
from core.declare import Note, notes
from core.errors import CoreError, DeclarationError, ProblemsError
from core.events import Event
from core.options import schedule_from, task_from


@dataclass
class _Findings:
    tasks: list[Task] = field(default_factory=list)
    types: list[type[Event]] = field(default_factory=list)
    subscriptions: list[tuple[type[Event] | str, Task]] = field(default_factory=list)
    schedules: list[Declared] = field(default_factory=list)
    blueprints: list[Blueprint] = field(default_factory=list)
    setups: list[Callable[..., Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def load(packages: Sequence[str] = ("handlers", "schedules")) -> Catalog:
    """Import every module of *packages* and return what they declare.

    Raises:
        DeclarationError: naming every problem found, each by its dotted name.
    """
    found = _Findings()
    for package in packages:
        for module in _modules(package, found.problems):
            _collect(module, found)
    _refuse_doubles(found)
    if found.problems:
        raise DeclarationError(found.problems)
    return Catalog(
        tasks={task.name: task for task in found.tasks},
        types={cls.type: cls for cls in found.types},
        subscriptions=found.subscriptions,
        schedules={schedule.name: schedule for schedule in found.schedules},
        blueprints=found.blueprints,
        setups=found.setups,
    )


def _modules(package: str, problems: list[str]) -> Iterator[ModuleType]:
    root = _imported(package, problems)
    if root is None:
        return
    yield root
    for info in pkgutil.walk_packages(getattr(root, "__path__", ()), f"{package}.", onerror=lambda _: None):
        module = _imported(info.name, problems)
        if module is not None:
            yield module


def _imported(name: str, problems: list[str]) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ProblemsError as error:
        problems.extend(error.problems)
    except Exception as error:  # noqa: BLE001 - whatever a user's file raises is reported, with all the others
        place = _place_of(error, name)
        problems.append(f"{name}: {type(error).__name__}: {error}{place}. Mend the file, or take it out of the folder.")
    return None


def _place_of(error: Exception, name: str) -> str:
    if isinstance(error, SyntaxError):
        return ""
    folder = name.split(".", 1)[0]
    for frame in reversed(traceback.extract_tb(sys.exc_info()[2])):
        if folder in Path(frame.filename).parts:
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""


def _collect(module: ModuleType, found: _Findings) -> None:
    for value in list(vars(module).values()):
        if isinstance(value, Blueprint):
            if value not in found.blueprints:
                found.blueprints.append(value)
        elif getattr(value, "__module__", None) != module.__name__:
            continue  # imported from elsewhere: collected there
        elif inspect.isclass(value) and issubclass(value, Event):
            if value.type and value not in found.types:
                found.types.append(value)
        elif callable(value):
            for note in notes(value):
                _understand(value, note, found)
    setup = getattr(module, "setup", None)
    if "." not in module.__name__ and inspect.isfunction(setup):
        found.setups.append(setup)


def _understand(function: Callable[..., Any], note: Note, found: _Findings) -> None:
    try:
        task = task_from(function, note)
        if note.marker == "on":
            for selector in note.arguments["types"]:
                found.subscriptions.append((selector, task))
                if not isinstance(selector, str) and selector not in found.types:
                    found.types.append(selector)
        elif note.marker != "task":
            found.schedules.append(schedule_from(task, note))
        found.tasks.append(task)
    except ProblemsError as error:
        found.problems.extend(error.problems)
    except CoreError as error:
        found.problems.append(f"{function.__module__}.{function.__qualname__}: {error}")


def _refuse_doubles(found: _Findings) -> None:
    for name, count in Counter(task.name for task in found.tasks).items():
        if count > 1:
            places = ", ".join(sorted({task.place for task in found.tasks if task.name == name}))
            found.problems.append(f"{name}: declared {count} times ({places}). Give each a name of its own: name=...")
    for type_, count in Counter(cls.type for cls in found.types).items():
        if count > 1:
            classes = ", ".join(f"{cls.__module__}.{cls.__qualname__}" for cls in found.types if cls.type == type_)
            found.problems.append(f"event type {type_!r}: declared by {classes}. Keep one class, or rename a type.")
    names = {task.name for task in found.tasks}
    for task in found.tasks:
        for alias in set(task.aliases) & names:
            found.problems.append(f"{task.name}: its alias {alias!r} is the name of another task. Drop the alias.")
