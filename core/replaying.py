"""Replaying an event: a new event of the same content, answered by the handlers that a person chose."""

import difflib
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.bus import request
from core.catalog import Catalog, Task
from core.causes import Cause, Keyring, Tampered, UnknownKey
from core.errors import IdempotencyMismatch, NotFound, PayloadExpired, StateConflict, UnknownTarget
from core.events import matches, recordable
from core.ledger.acceptance import Request
from core.ledger.flow import Flow
from core.ledger.keys import FAILED, Keys
from core.ledger.views import Json, event_views

SAME: Any = object()  # the data stay as they were recorded


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks for. *tasks* is None for those of the event's runs. *key* is an idempotency key or ''."""

    event: str
    only: Literal["all", "failed"] = "all"
    tasks: Sequence[str] | None = None
    data: Any = SAME
    key: str = ""

    @property
    def id(self) -> str:
        """The new event's id: with a key, the same for the same request, so that another one is told from it."""
        if not self.key:
            return uuid.uuid4().hex
        asked = [self.key, self.event, self.only, *sorted(self.tasks or ())]
        return hashlib.sha256("\0".join(asked).encode()).hexdigest()[:32]


def replay(keys: Keys, keyring: Keyring, catalog: Catalog, wanted: Wanted) -> Flow[tuple[Cause, list[Request]]]:
    """Return the new event and the runs it wants; to be recorded as any other.

    Its data, if edited, are checked as those of a new event; if not, each handler gets what was recorded. Signals
    are not sent: who answers was chosen.

    Raises:
        NotFound, PayloadExpired: there is no such event, or its record is gone.
        StateConflict: there is nothing to replay, or the record is not one of ours.
        UnknownTarget: a task is not known or does not answer this type.
        UnknownEvent, InvalidEvent: the edited data do not fit.
    """
    cause = yield from _opened(keys, keyring, wanted.event)
    [view] = yield from event_views(keys, [wanted.event])
    runs = view["runs"]
    tasks = _chosen(catalog, cause.type, wanted, runs)
    if not tasks:
        raise _nothing(wanted, runs)
    data = cause.data
    if wanted.data is not SAME:
        event = catalog.event(cause.type, wanted.data)
        data = recordable(event.type, event)
    anew = replace(cause, id=wanted.id, data=data, replay_of=wanted.event, parent=None)
    return anew, [request(task, 0, 0) for task in tasks]


def check_key(wanted: Wanted, cause: Cause, accepted: str) -> None:
    """Refuse an idempotency key that came before with another choice; *accepted* is the event it answers with."""
    if wanted.key and accepted != cause.ledger_id:
        raise IdempotencyMismatch("This Idempotency-Key was used before, for another replay. Send a new one.")


def _opened(keys: Keys, keyring: Keyring, event: str) -> Flow[Cause]:
    record, mark = yield [("GET", keys.record(event)), ("EXISTS", keys.mark(event))]
    if record is None and mark:
        raise PayloadExpired(f"Event {event!r} was accepted, but its data is past its retention.")
    if record is None:
        raise NotFound(f"There is no event {event!r}, or it is past its retention.")
    try:
        cause = keyring.open(record)
    except Tampered as error:
        raise StateConflict(f"Event {event} is not replayed: its seal does not fit its content.", "tampered") from error
    except UnknownKey as error:
        raise StateConflict(f"Event {event} is not replayed. {error}", "unknown-key") from error
    if cause.kind != "event":
        raise NotFound(f"There is no event {event!r}; this is the id of a {cause.kind}.")
    return cause


def answerers(catalog: Catalog, kind: str) -> list[str]:
    """Return the tasks that answer events of this *kind*."""
    return list(dict.fromkeys(task.name for selector, task in catalog.subscriptions if _takes(selector, kind)))


def may_answer(catalog: Catalog, kind: str, runs: Sequence[Json]) -> list[str]:
    """Return the tasks that a replay of an event of this *kind* may name: those that answer it, or did in *runs*."""
    answered = [task.name for run in runs if (task := catalog.task(run["task"]))]
    return list(dict.fromkeys([*answered, *answerers(catalog, kind)]))


def _chosen(catalog: Catalog, kind: str, wanted: Wanted, runs: Sequence[Json]) -> list[Task]:
    """Return the tasks to run, each once."""
    answered = {run["task"]: catalog.task(run["task"]) for run in runs}
    allowed = may_answer(catalog, kind, runs)
    named = [(name, f"/tasks/{n}") for n, name in enumerate(wanted.tasks or ())]
    if wanted.tasks is None:
        named = [(run["task"], "") for run in runs if wanted.only == "all" or run["state"] in FAILED]
    found: dict[str, Task] = {}
    errors = []
    for name, pointer in named:
        task = catalog.task(name)
        if task and task.name in allowed:
            found[task.name] = task
        else:
            errors.append({"pointer": pointer, "detail": _unknown(name, kind, allowed)})
    if errors:
        raise UnknownTarget(" ".join(error["detail"] for error in errors[:5]), errors)
    if wanted.tasks is not None and wanted.only == "failed":
        failed = {task.name for run in runs if run["state"] in FAILED and (task := answered[run["task"]])}
        return [task for name, task in found.items() if name in failed]
    return list(found.values())


def _takes(selector: Any, kind: str) -> bool:
    return matches(selector, kind) if isinstance(selector, str) else selector.type == kind


def _unknown(name: str, kind: str, allowed: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, allowed, n=3, cutoff=0.5) or sorted(allowed)[:3]
    hint = f"Did you mean {' or '.join(near)}?" if near else "No handler does."
    return f"{name[:128]!r} is no task that answers {kind}. {hint}"


def _nothing(wanted: Wanted, runs: Sequence[Json]) -> StateConflict:
    state = ", ".join(sorted({run["state"] for run in runs})) or "no runs"
    which = "failed: none of its runs is dead or expired" if runs else "to replay: it has no runs. Name the tasks"
    return StateConflict(f"Event {wanted.event} has nothing {which} (state: {state}).", state)
