"""Turns a marker's note into a task or a schedule, or says by dotted name what is wrong with it."""

import difflib
import inspect
import re
import typing as t
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, create_model

from core.catalog import BACKOFF, Declared, Options, Task
from core.declare import Note, RunOptions, ScheduleOptions
from core.errors import CoreError, DeclarationError
from core.events import TYPE, Event
from core.policies import POLICIES, SECONDS, policy_problems
from core.triggers import At, Cron, Every

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:/-]{0,127}")
QUEUE = re.compile(r"[A-Za-z0-9_-]{1,64}")
KINDS: dict[str, t.Literal["handler", "job", "task"]] = {"on": "handler", "task": "task"}
MAX_RETRIES = 100


class _Checks:
    """Gathers what is wrong with one declaration."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[str] = []

    def want(self, fine: bool, problem: str) -> None:
        if not fine:
            self.problems.append(f"{self.where}: {problem}")

    def done(self) -> None:
        if self.problems:
            raise DeclarationError(self.problems)


def task_from(function: Callable[..., t.Any], note: Note) -> Task:
    """Return the task that *note* makes of *function*.

    Raises:
        DeclarationError: with every problem of this declaration.
    """
    checks = _Checks(f"{function.__module__}.{getattr(function, '__qualname__', repr(function))}")
    _check_function(checks, function, note)
    kind = KINDS.get(note.marker, "job")
    allowed = RunOptions if kind != "job" else ScheduleOptions
    _check_names(checks, note, list(t.get_type_hints(allowed)))
    signature = inspect.signature(function)
    if kind == "handler":
        _check_handler(checks, function, signature, note.arguments["types"])
    elif kind == "job":
        required = [parameter.name for parameter in _needed(signature)]
        checks.want(not required, f"a job takes no arguments, this one wants {', '.join(required)}. Give defaults.")
    arguments = _arguments(checks, function, signature) if kind == "task" else None
    options, aliases = _options(checks, note.options), _aliases(checks, note.options.get("aliases", ()))
    name = note.options.get("name", checks.where)
    checks.want(
        isinstance(name, str) and bool(NAME.fullmatch(name)),
        f"name={name!r} is no name. Use up to 128 letters, digits and . _ - : / @",
    )
    checks.done()
    code = inspect.unwrap(function).__code__
    return Task(
        name=name,
        function=function,
        kind=kind,
        options=options,
        place=f"{'/'.join(function.__module__.split('.'))}.py:{code.co_firstlineno}",
        arguments=arguments,
        aliases=aliases,
    )


def schedule_from(task: Task, note: Note) -> Declared:
    """Return the schedule that *note* declares for the job *task*.

    Raises:
        DeclarationError: with every problem of this declaration.
    """
    checks = _Checks(task.name)
    options = note.options
    policies = {name: options[name] for name in POLICIES if name in options}
    if note.marker == "every":
        policies.setdefault("overlap", "skip")
    for name, wanted in policy_problems(policies):
        checks.want(False, f"{name}={policies[name]!r}; it {wanted}.")
    for edge in ("starts_at", "ends_at"):
        value = options.get(edge)
        fine = value is None or (isinstance(value, datetime) and value.tzinfo is not None)
        checks.want(fine, f"{edge}={value!r}; it must be a datetime with a time zone.")
    checks.done()
    starts_at, ends_at = options.get("starts_at"), options.get("ends_at")
    checks.want(not (starts_at and ends_at) or starts_at <= ends_at, "ends_at lies before starts_at; it never fires.")
    checks.done()
    try:
        trigger = _trigger(note, starts_at)
    except (CoreError, ValueError, TypeError) as error:
        raise DeclarationError([f"{task.name}: {error}"]) from error
    return Declared(
        name=task.name,
        task=task.name,
        trigger=trigger.to_json(),
        policies={name: float(value) if name in SECONDS else value for name, value in policies.items()},
        starts_at=starts_at and starts_at.isoformat(),
        ends_at=ends_at and ends_at.isoformat(),
        place=task.place,
    )


def _trigger(note: Note, starts_at: datetime | None) -> Cron | Every | At:
    given = note.arguments
    if note.marker == "cron":
        return Cron(given["cron"], given["timezone"])
    if note.marker == "every":
        return Every(given["every"], starts_at)
    moment = given["at"]
    return At(datetime.fromisoformat(moment) if isinstance(moment, str) else moment, given["timezone"])


def _check_function(checks: _Checks, function: Callable[..., t.Any], note: Note) -> None:
    real = inspect.unwrap(function)
    checks.want(hasattr(real, "__code__"), f"@{note.marker} marks functions, not {type(function).__name__} objects.")
    checks.done()
    yields = inspect.isgeneratorfunction(real) or inspect.isasyncgenfunction(real)
    checks.want(not yields, "it is a generator: calling it would do nothing. Take out the yield.")


def _needed(signature: inspect.Signature) -> list[inspect.Parameter]:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in signature.parameters.values() if p.default is p.empty and p.kind not in variable]


def _check_names(checks: _Checks, note: Note, known: list[str]) -> None:
    for name in note.options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
            checks.want(False, f"@{note.marker} has no option {name!r}. {hint}")


def _check_handler(
    checks: _Checks, function: Callable[..., t.Any], signature: inspect.Signature, types: Sequence[t.Any]
) -> None:
    parameters = list(signature.parameters.values())
    takes_one = bool(parameters) and parameters[0].kind <= inspect.Parameter.VAR_POSITIONAL
    checks.want(
        takes_one and len(_needed(signature)) <= 1,
        f"a handler takes one argument, the event; this one is {function.__name__}{signature}.",
    )
    checks.want(bool(types), "@on() names no event. Write @on(OrderPlaced) or @on('order.*').")
    for selector in types:
        if isinstance(selector, str):
            fine = bool(TYPE.fullmatch(selector.replace("*", "x")))
            checks.want(fine, f"{selector!r} is neither an event type nor a pattern such as 'github.*'.")
        elif not (inspect.isclass(selector) and issubclass(selector, Event)):
            checks.want(False, f"@on takes event classes and patterns, not {selector!r}.")
        else:
            checks.want(bool(selector.type), f"{selector.__qualname__} has no type. Write class X(Event, type='a.b').")
    if takes_one and len(types) == 1:
        _check_annotation(checks, function, parameters[0].name, types[0])


def _check_annotation(checks: _Checks, function: Callable[..., t.Any], parameter: str, selector: t.Any) -> None:
    try:
        wanted = t.get_type_hints(function).get(parameter)
    except Exception:  # noqa: BLE001 - annotations run code of the user's; some only a type checker can resolve
        return
    if not (inspect.isclass(wanted) and issubclass(wanted, Event)):
        return
    given = Event if isinstance(selector, str) else selector
    checks.want(
        issubclass(given, wanted),
        f"it subscribes to {getattr(selector, '__qualname__', selector)} but takes {wanted.__qualname__}.",
    )


def _seconds(value: t.Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _options(checks: _Checks, given: dict[str, t.Any]) -> Options:
    queue, retries = given.get("queue", "default"), given.get("retries", len(BACKOFF))
    timeout, priority = given.get("timeout"), given.get("priority", 5)
    backoff = given.get("backoff", BACKOFF)
    backoff = tuple(backoff) if isinstance(backoff, Sequence) and not isinstance(backoff, str) else (backoff,)
    whole = isinstance(retries, int) and not isinstance(retries, bool)
    checks.want(
        isinstance(queue, str) and bool(QUEUE.fullmatch(queue)),
        f"queue={queue!r} is no queue name. Use up to 64 letters, digits, '-' and '_'.",
    )
    checks.want(
        whole and 0 <= retries <= MAX_RETRIES,
        f"retries={retries!r}; it must be a whole number from 0 to {MAX_RETRIES}.",
    )
    checks.want(
        timeout is None or (_seconds(timeout) and timeout > 0),
        f"timeout={timeout!r}; it must be a number of seconds above 0, or None.",
    )
    checks.want(
        isinstance(priority, int) and not isinstance(priority, bool) and priority in range(10),
        f"priority={priority!r}; it must be a whole number from 0 to 9; 9 goes first.",
    )
    checks.want(
        all(map(_seconds, backoff)), f"backoff={given.get('backoff')!r}; it must be seconds, one number or several."
    )
    return Options(queue=queue, retries=retries, backoff=backoff, timeout=timeout, priority=priority)


def _aliases(checks: _Checks, given: t.Any) -> tuple[str, ...]:
    several = isinstance(given, Sequence) and not isinstance(given, str)
    fine = several and all(isinstance(alias, str) and NAME.fullmatch(alias) for alias in given)
    checks.want(fine, f"aliases={given!r}; it must be a list of names, e.g. aliases=['handlers.orders.old_name'].")
    return tuple(given) if fine else ()


def _arguments(checks: _Checks, function: Callable[..., t.Any], signature: inspect.Signature) -> type[BaseModel] | None:
    """Return a model of the arguments that a call takes: it refuses wrong ones, and reads them back typed."""
    parameters = signature.parameters.values()
    taken = [p.name for p in parameters if p.name in ("delay", "at") or p.name.startswith("_")]
    checks.want(not taken, f"an argument cannot be called {', '.join(taken)}: enqueue() cannot pass it.")
    unnamed = [p.name for p in _needed(signature) if p.kind is p.POSITIONAL_ONLY]
    checks.want(not unnamed, f"enqueue() passes arguments by name; {', '.join(unnamed)} cannot be passed so.")
    if taken or unnamed:
        return None
    extra: t.Literal["allow", "forbid"] = "allow" if any(p.kind is p.VAR_KEYWORD for p in parameters) else "forbid"
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    try:
        hints = t.get_type_hints(function)
        fields: dict[str, t.Any] = {
            p.name: (hints.get(p.name, t.Any), ... if p.default is p.empty else p.default) for p in by_name
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an argument may well be called copy or schema
            return create_model(
                function.__name__, __config__=ConfigDict(extra=extra, ser_json_inf_nan="constants"), **fields
            )
    except Exception as error:  # noqa: BLE001 - annotations run code of the user's, and pydantic refuses some
        checks.want(False, f"its arguments cannot be understood: {type(error).__name__}: {error}")
        return None
