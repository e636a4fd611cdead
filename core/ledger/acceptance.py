"""Recording a cause with all its runs, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.causes import HEAD, Cause, Keyring, header
from core.errors import BacklogFull, CoreError, DurabilityUnmet, IdempotencyMismatch, InvalidEvent
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.packing import NOTHING as NOTHING
from core.ledger.packing import Acceptance as Acceptance
from core.ledger.packing import Outgoing as Outgoing
from core.ledger.packing import Packing
from core.ledger.packing import Wanted as Wanted
from core.ledger.packing import acceptance as acceptance
from core.ledger.packing import packs as packs
from core.ledger.words import Request as Request
from core.ledger.words import indexes_of as indexes_of

SYNC_MS = 500  # that the server's disk may take for a write that must be on it
ON_DISK = ("WAITAOF", 1, 0, SYNC_MS)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What was recorded: the ledger's id, and each run's id and task, in the order of the requests."""

    id: str
    runs: list[tuple[str, str]]
    duplicate: bool = False


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
    packed = Packing(keys, keyring)
    packed.add(Wanted(cause, requests, idempotency, hints))
    script = packed.script(limit)
    [(status, found), *rest] = yield [script, ON_DISK] if synced else [script]
    if synced and status != b"FULL" and rest[0][0] < 1:
        raise DurabilityUnmet
    return (yield from outcome(keys, status.decode(), found.decode(), requests, limit))


def accept_each(
    keys: Keys, keyring: Keyring, wanted: Sequence[Wanted], *, limit: int = 0
) -> Flow[list[Accepted | CoreError]]:
    """Record each of *wanted* as ``accept`` does, by one script as far as it goes; returns what came of each.

    No two of them may have the same id or idempotency key.
    """
    packed, found = Packing(keys, keyring), list[Accepted | CoreError | None]()
    for one in wanted:
        try:
            packed.add(one)
        except InvalidEvent as error:
            found.append(error)
        else:
            found.append(None)
    [answers] = (yield [packed.script(limit)]) if packed.number else [[]]
    rest = zip(answers[::2], answers[1::2], strict=True)
    for n, one in enumerate(wanted):
        if found[n] is None:
            status, ident = next(rest)
            try:
                found[n] = yield from outcome(keys, status.decode(), ident.decode(), one.requests, limit)
            except CoreError as error:
                found[n] = error
    return found  # type: ignore[return-value]  # none of it is None any more


def on_disk() -> Flow[None]:
    """Wait until the server's disk has what was written before on this connection.

    Raises:
        DurabilityUnmet: the disk did not take it in time.
    """
    [(local, _)] = yield [ON_DISK]
    if local < 1:
        raise DurabilityUnmet


def outcome(keys: Keys, status: str, found: str, requests: Sequence[Request], limit: int = 0) -> Flow[Accepted]:
    """Return what the answer of ``acceptance.lua`` for one cause means; raises as ``accept`` does."""
    if status == "FULL":
        raise BacklogFull(f"{limit} runs are open, the most that BACKLOG_LIMIT allows. Nothing was recorded.")
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


def delayed(requests: Sequence[Request], *, delay: int = 0, at: int = 0) -> list[Request]:
    """Return the requests, all to wait the same time."""
    return [replace(request, delay=delay, at=at) for request in requests] if delay or at else list(requests)
