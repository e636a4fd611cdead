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
from werkzeug.local import LocalProxy

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
            _collect(module, found, root=module.__name__ == package)
    _refuse_doubles(found)
    if found.problems:
        raise DeclarationError(found.problems)
    return Catalog(
        tasks={task.name: task for task in found.tasks},
        types={cls.type: cls for cls in found.types},
        subscriptions=found.subscriptions,
        schedules={schedule.name: schedule for schedule in found.schedules},
        blueprints=_outermost(found.blueprints),
        setups=found.setups,
    )


def _modules(package: str, problems: list[str]) -> Iterator[ModuleType]:
    root = _imported(package, problems)
    if root is None:
        return
    yield root
    problems.extend(_not_packages(root))
    for info in pkgutil.walk_packages(getattr(root, "__path__", ()), f"{package}.", onerror=lambda _: None):
        if info.name.endswith(".__main__"):
            continue  # a program; importing it would run it
        module = _imported(info.name, problems)
        if module is None:
            continue
        yield module
        if info.ispkg:
            problems.extend(_not_packages(module))


def _not_packages(package: ModuleType) -> Iterator[str]:
    """Name the folders of *package* whose files nobody would find."""
    for place in getattr(package, "__path__", ()):
        for folder in sorted(path for path in Path(place).iterdir() if path.is_dir() and path.name.isidentifier()):
            if any(folder.glob("*.py")) and not (folder / "__init__.py").exists():
                yield f"{package.__name__}.{folder.name}: has Python files but no __init__.py. Add an empty one."


def _imported(name: str, problems: list[str]) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ProblemsError as error:
        problems.extend(error.problems)
    except ModuleNotFoundError as error:
        if error.name == name:
            problems.append(f"{name}: there is no such package. Make a folder of this name with an empty __init__.py.")
        else:
            problems.append(f"{name}: {error}{_place_of(error, name)}. Install it, or mend the import.")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's file raises is reported, with all others
        place = _place_of(error, name)
        problems.append(f"{name}: {type(error).__name__}: {error}{place}. Mend the file, or take it out of the folder.")
    return None


def _place_of(error: BaseException, name: str) -> str:
    if isinstance(error, SyntaxError):
        return ""
    folder = name.split(".", 1)[0]
    for frame in reversed(traceback.extract_tb(sys.exc_info()[2])):
        if folder in Path(frame.filename).parts:
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""


def _collect(module: ModuleType, found: _Findings, *, root: bool) -> None:
    # flask.request and its like: nothing can be asked of a proxy outside a request
    named = {id(value): value for value in vars(module).values() if type(value) is not LocalProxy}
    for value in named.values():
        if isinstance(value, Blueprint):
            if value not in found.blueprints:
                found.blueprints.append(value)
        elif getattr(value, "__module__", None) != module.__name__:
            _refuse_disguised(module, value, found)  # else imported from elsewhere: collected there
        elif inspect.isclass(value) and issubclass(value, Event):
            if value.type and value not in found.types:
                found.types.append(value)
        elif callable(value):
            for note in notes(value):
                _understand(value, note, found)
    setup = getattr(module, "setup", None)
    if root and inspect.isfunction(setup):
        found.setups.append(setup)


def _refuse_disguised(module: ModuleType, value: Any, found: _Findings) -> None:
    """Refuse what is marked here but has lost its name: it looks like an import, and would never run."""
    nameless = "<locals>" in getattr(value, "__qualname__", "<locals>")
    for note in notes(value) if nameless and callable(value) else ():
        found.problems.append(
            f"{module.__name__}: @{note.marker} marks {value!r}, which does not bear its function's name. "
            "Use functools.wraps in the decorator below the marker, or mark a plain function."
        )


def _outermost(blueprints: list[Blueprint]) -> list[Blueprint]:
    """Leave out blueprints that another one registers: a second time they would lack its prefix and its guards."""
    nested = {id(child) for parent in blueprints for child, _ in parent._blueprints}  # noqa: SLF001
    return [blueprint for blueprint in blueprints if id(blueprint) not in nested]


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
    for name, count in Counter(blueprint.name for blueprint in _outermost(found.blueprints)).items():
        if count > 1:
            found.problems.append(f"blueprint {name!r}: {count} of them bear this name. Give each a name of its own.")
    names = {task.name for task in found.tasks}
    for task in found.tasks:
        others = {alias for other in found.tasks if other is not task for alias in other.aliases}
        for alias in sorted(set(task.aliases) & (names | others)):
            found.problems.append(f"{task.name}: its alias {alias!r} is a name or alias of another task. Drop it.")
