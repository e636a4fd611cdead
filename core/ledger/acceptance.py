"""Recording a cause with all its runs, or nothing."""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.causes import HEAD, Cause, Keyring, header
from core.errors import BacklogFull, DurabilityUnmet, IdempotencyMismatch
from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys

SYNC_MS = 500  # that the server's disk may take for a write that must be on it
ON_DISK = ("WAITAOF", 1, 0, SYNC_MS)
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


@dataclass(frozen=True)
class Outgoing:
    """Hints as messages for the broker, by the Redis list they go to. *sent* is called once they are there."""

    lists: Mapping[str, Sequence[str]]
    sent: Callable[[], None] = lambda: None


NOTHING = Outgoing({})


@dataclass(frozen=True)
class Acceptance:
    """The keys and arguments that ``acceptance.lua`` takes to record a cause with its runs; none for nothing."""

    keys: list[str] = field(default_factory=list)
    args: list[str | bytes | int] = field(default_factory=list)


def accept(
    keys: Keys,
    keyring: Keyring,
    cause: Cause,
    requests: Sequence[Request],
    idempotency: str = "",
    *,
    limit: int = 0,
    synced: bool = False,
    hints: Outgoing = NOTHING,
) -> Flow[Accepted]:
    """Record *cause* and its runs, if fewer than *limit* runs are open; with *synced* they are on the server's disk.

    *hints* go out in the same step, where the broker's lists are in the ledger's database.

    Raises:
        IdempotencyMismatch: the id, or the idempotency key, was used with other content.
        BacklogFull: *limit* runs are open; nothing was recorded.
        DurabilityUnmet: it is recorded, but the disk did not take it in time.
    """
    wanted = acceptance(keys, keyring, cause, requests, idempotency, limit=limit)
    names = [keys.record(cause.ledger_id), keys.due, *keys.states, *wanted.keys, *hints.lists]
    for messages in hints.lists.values():
        wanted.args.append(len(messages))
        wanted.args.extend(messages)
    script = Script("accept", names, wanted.args)
    [(status, found), *rest] = yield [script, ON_DISK] if synced else [script]
    if status == b"FULL":
        raise BacklogFull(f"{limit} runs are open, the most that BACKLOG_LIMIT allows. Nothing was recorded.")
    if synced and rest[0][0] < 1:
        raise DurabilityUnmet
    return (yield from outcome(keys, status.decode(), found.decode(), requests))


def on_disk() -> Flow[None]:
    """Wait until the server's disk has what was written before on this connection.

    Raises:
        DurabilityUnmet: the disk did not take it in time.
    """
    [(local, _)] = yield [ON_DISK]
    if local < 1:
        raise DurabilityUnmet


def acceptance(
    keys: Keys,
    keyring: Keyring,
    cause: Cause,
    requests: Sequence[Request],
    idempotency: str = "",
    *,
    limit: int = 0,
) -> Acceptance:
    """Return what ``acceptance.lua`` takes for *cause* and its runs."""
    ident, nonce = cause.ledger_id, secrets.token_hex(4)
    record = keyring.seal(cause, runs=len(requests), nonce=nonce)
    digest = hashlib.sha256(idempotency.encode()).hexdigest()[:24] if idempotency else ident
    indexes = indexes_of(keys, cause.kind, cause.type, cause.source, cause.subject)
    names = [keys.position, keys.record(ident), keys.mark(ident), keys.idempotency(digest), *indexes]
    args: list[str | bytes | int] = [record, ident, cause.fingerprint, nonce, MARK_TTL]
    args += [int(bool(idempotency)), len(indexes), len(requests), limit]
    for n, request in enumerate(requests):
        names += [keys.run(f"{ident}.{n}"), keys.task(request.task), keys.queue(request.queue)]
        args += [request.task, request.queue, request.priority, request.delay, request.at]
    return Acceptance(names, args)


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


def indexes_of(keys: Keys, kind: str, cause_type: str, source: str, subject: str | None) -> list[str]:
    """Return the indexes that a cause stands in, beside those of its runs."""
    if kind == "event":
        about = [keys.subject(subject)] if subject else []
        return [keys.causes("event"), keys.type(cause_type), keys.source(source), *about]
    if kind == "fire":
        return [keys.causes("fire"), keys.schedule(cause_type)]
    return [keys.causes("call")]


def delayed(requests: Sequence[Request], *, delay: int = 0, at: int = 0) -> list[Request]:
    """Return the requests, all to wait the same time."""
    return [replace(request, delay=delay, at=at) for request in requests] if delay or at else list(requests)
