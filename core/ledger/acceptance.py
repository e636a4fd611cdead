"""Recording a cause with all its runs, or nothing."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.causes import HEAD, Cause, Keyring, header
from core.errors import IdempotencyMismatch
from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys

MARK_TTL = 24 * 3600 * 1000  # ms that an id or idempotency key is remembered


@dataclass(frozen=True, kw_only=True)
class Request:
    """One run that is wanted. ``delay`` is ms; ``at`` is ms since the epoch, 0 where the delay counts."""

    task: str
    queue: str
    priority: int = 5
    delay: int = 0
    at: int = 0

    @property
    def waits(self) -> bool:
        return self.delay > 0 or self.at > 0


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What was recorded: the ledger's id, and each run's id and task, in the order of the requests."""

    id: str
    runs: list[tuple[str, str]]
    duplicate: bool = False


def accept(
    keys: Keys, keyring: Keyring, cause: Cause, requests: Sequence[Request], idempotency: str = ""
) -> Flow[Accepted]:
    """Record *cause* and its runs.

    Raises:
        IdempotencyMismatch: the id, or the idempotency key, was used with other content.
    """
    names, args = acceptance(keys, keyring, cause, requests, idempotency)
    [(status, found)] = yield [Script("accept", [keys.record(cause.ledger_id), keys.due, *keys.states, *names], args)]
    return (yield from outcome(keys, status.decode(), found.decode(), requests))


def acceptance(
    keys: Keys, keyring: Keyring, cause: Cause, requests: Sequence[Request], idempotency: str = ""
) -> tuple[list[str], list[str | bytes | int]]:
    """Return the keys and arguments that ``acceptance.lua`` takes."""
    ident, nonce = cause.ledger_id, secrets.token_hex(4)
    record = keyring.seal(cause, runs=len(requests), nonce=nonce)
    digest = hashlib.sha256(idempotency.encode()).hexdigest()[:24] if idempotency else ident
    indexes = _indexes(keys, cause)
    names = [keys.position, keys.record(ident), keys.mark(ident), keys.idempotency(digest), *indexes]
    args: list[str | bytes | int] = [record, ident, header(record)["print"], nonce, MARK_TTL]
    args += [int(bool(idempotency)), len(indexes), len(requests)]
    for n, request in enumerate(requests):
        names += [keys.run(f"{ident}.{n}"), keys.task(request.task), keys.queue(request.queue)]
        args += [request.task, request.queue, request.priority, request.delay, request.at]
    return names, args


def outcome(keys: Keys, status: str, found: str, requests: Sequence[Request]) -> Flow[Accepted]:
    """Return what the answer of ``acceptance.lua`` means."""
    if status == "CONFLICT":
        raise IdempotencyMismatch
    if status == "DUP":
        runs = yield from runs_of(keys, found)
        return Accepted(id=found, runs=runs, duplicate=True)
    return Accepted(id=found, runs=[(f"{found}.{n}", request.task) for n, request in enumerate(requests)])


def runs_of(keys: Keys, cause: str) -> Flow[list[tuple[str, str]]]:
    """Return the id and task of each run of a cause that is still there."""
    [head] = yield [("GETRANGE", keys.record(cause), 0, HEAD - 1)]
    ids = [f"{cause}.{n}" for n in range(header(head)["runs"])] if head else []
    if not ids:
        return []
    tasks = yield [("HGET", keys.run(run), "task") for run in ids]
    return [(run, task.decode()) for run, task in zip(ids, tasks, strict=True) if task]


def _indexes(keys: Keys, cause: Cause) -> list[str]:
    if cause.kind == "event":
        subject = [keys.subject(cause.subject)] if cause.subject else []
        return [keys.causes("event"), keys.type(cause.type), keys.source(cause.source), *subject]
    if cause.kind == "fire":
        return [keys.causes("fire"), keys.schedule(cause.type)]
    return [keys.causes("call")]


def delayed(requests: Sequence[Request], *, delay: int = 0, at: int = 0) -> list[Request]:
    """Return the requests, all to wait the same time."""
    return [replace(request, delay=delay, at=at) for request in requests] if delay or at else list(requests)
