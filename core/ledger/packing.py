"""What ``acceptance.lua`` takes: causes and the runs they want, as keys and arguments."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import urandom

from core.causes import Cause, Keyring
from core.ledger.flow import Script
from core.ledger.keys import Keys

MARK_TTL = 24 * 3600 * 1000  # ms that an id or idempotency key is remembered
# What one script accepts at once holds all others up: this much is a millisecond or two of the server's time.
HEAVIEST = 50  # an event weighs 1, each of its runs too
PER_WEIGHT = 8192  # bytes of data


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


@dataclass(frozen=True)
class Outgoing:
    """Hints as messages for the broker, by the Redis list they go to. *sent* is called once they are there."""

    lists: Mapping[str, Sequence[str]]
    sent: Callable[[], None] = lambda: None


NOTHING = Outgoing({})


@dataclass(frozen=True)
class Wanted:
    """A cause to be recorded with its runs; their *hints*, where the broker's lists are in the ledger's database."""

    cause: Cause
    requests: Sequence[Request]
    idempotency: str = ""
    hints: Outgoing = NOTHING


@dataclass(frozen=True)
class Acceptance:
    """The keys and arguments that ``acceptance.lua`` takes to record causes with their runs; none for nothing."""

    keys: list[str] = field(default_factory=list)
    args: list[str | bytes | int] = field(default_factory=list)


def acceptance(keys: Keys, keyring: Keyring, cause: Cause, requests: Sequence[Request]) -> Acceptance:
    """Return what ``acceptance.lua`` takes for *cause* and its runs."""
    packed = Packing(keys, keyring)
    packed.add(Wanted(cause, requests))
    return packed.acceptance()


def packs(wanted: Iterable[Wanted]) -> Iterator[list[Wanted]]:
    """Return *wanted* in portions that one script accepts: light ones, in which no id comes twice."""
    pack, ids, weight = list[Wanted](), set[str](), 0
    for one in wanted:
        ident, more = one.cause.ledger_id, 1 + len(one.requests) + len(one.cause.content) // PER_WEIGHT
        if pack and (weight + more > HEAVIEST or ident in ids):
            yield pack
            pack, ids, weight = [], set(), 0
        pack.append(one)
        ids.add(ident)
        weight += more
    if pack:
        yield pack


class Packing:
    """Puts causes into what ``acceptance.lua`` takes; what several of them share is in it once."""

    def __init__(self, keys: Keys, keyring: Keyring) -> None:
        self._keys, self._keyring = keys, keyring
        self._names: list[str] = [keys.position, keys.due, *keys.starts]
        self._places: dict[str, int] = {}
        self._kinds: dict[Request, int] = {}
        self._of_kinds: list[str | int] = []
        self._of_causes: list[str | bytes | int] = []
        self._tails: list[str | int] = []
        self.number = 0  # of the causes in it

    def add(self, wanted: Wanted) -> None:
        """Add a cause and its runs.

        Raises:
            InvalidEvent: it cannot be recorded; nothing was added.
        """
        keys, names, cause, requests = self._keys, self._names, wanted.cause, wanted.requests
        ident, nonce = cause.ledger_id, urandom(4).hex()
        record = self._keyring.seal(cause, runs=len(requests), nonce=nonce)
        indexes = [self._place(name) for name in indexes_of(keys, cause.kind, cause.type, cause.source, cause.subject)]
        kinds = [self._kinds.get(request) or self._kind(request) for request in requests]
        hints = list[str | int]()
        for name, messages in wanted.hints.lists.items():
            place = self._place(name)
            for message in messages:
                hints += (place, message)
        key = self._place(keys.idempotency(_digest(wanted.idempotency))) if wanted.idempotency else 0
        self._of_causes += (ident, cause.fingerprint, nonce, record, len(names) + 1, key)
        self._of_causes += (len(indexes), len(kinds), len(hints) // 2)
        self._tails += indexes
        self._tails += kinds
        self._tails += hints
        names += (keys.record(ident), keys.mark(ident))
        if kinds:
            run = keys.run(ident)
            names += [f"{run}.{n}" for n in range(len(kinds))]
        self.number += 1

    def acceptance(self, limit: int = 0) -> Acceptance:
        """Return the keys and arguments for what was added, all of which is accepted if *limit* allows."""
        head = MARK_TTL, limit, len(self._kinds), self.number
        return Acceptance(self._names, [*head, *self._of_kinds, *self._of_causes, *self._tails])

    def script(self, limit: int) -> Script:
        """Return the call that accepts what was added."""
        wanted = self.acceptance(limit)
        return Script("accept", wanted.keys, wanted.args)

    def _place(self, name: str) -> int:
        """Return the place of a key that several causes may share."""
        place = self._places.get(name)
        if place is None:
            self._names.append(name)
            place = self._places[name] = len(self._names)
        return place

    def _kind(self, request: Request) -> int:
        task, queue = self._place(self._keys.task(request.task)), self._place(self._keys.queue(request.queue))
        self._of_kinds += (request.task, request.queue, request.priority, request.delay, request.at, task, queue)
        kind = self._kinds[request] = len(self._kinds) + 1
        return kind


def indexes_of(keys: Keys, kind: str, cause_type: str, source: str, subject: str | None) -> list[str]:
    """Return the indexes that a cause stands in, beside those of its runs."""
    if kind == "event":
        about = [keys.subject(subject)] if subject else []
        return [keys.causes("event"), keys.type(cause_type), keys.source(source), *about]
    if kind == "fire":
        return [keys.causes("fire"), keys.schedule(cause_type)]
    return [keys.causes("call")]


def _digest(idempotency: str) -> str:
    return hashlib.sha256(idempotency.encode()).hexdigest()[:24]
