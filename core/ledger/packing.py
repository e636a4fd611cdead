"""What ``acceptance.lua`` takes: causes and the runs they want, as keys and arguments."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from os import urandom
from typing import NamedTuple

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


class Outgoing(NamedTuple):
    """Hints as messages for the broker, by the Redis list they go to. *sent* is called once they are there."""

    lists: Mapping[str, Sequence[str]]
    sent: Callable[[], None] = lambda: None


NOTHING = Outgoing({})


class Wanted(NamedTuple):
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
        self._kinds = _kinds(keys, ())
        self._of_causes: list[str | bytes | int] = []
        self._tails: list[str | int] = []
        self.number = 0  # of the causes in it

    def add(self, wanted: Wanted) -> None:
        """Add a cause and its runs.

        Raises:
            InvalidEvent: it cannot be recorded; nothing was added.
        """
        cause, requests, idempotency, outgoing = wanted
        ident, nonce, keys, tails = cause.ledger_id, urandom(4).hex(), self._keys, self._tails
        record = self._keyring.seal(cause, runs=len(requests), nonce=nonce)
        if not self.number:
            self._kinds = _kinds(keys, tuple(requests)).copy()
        kinds = self._kinds
        names, place = kinds.names, kinds.place
        indexes = [place(name) for name in indexes_of(keys, cause.kind, cause.type, cause.source, cause.subject)]
        key = place(keys.idempotency(_digest(idempotency))) if idempotency else 0
        tails += indexes
        tails += [kinds.number(request) for request in requests]
        hints = 0
        for name, messages in outgoing.lists.items():
            where, hints = place(name), hints + len(messages)
            for message in messages:
                tails += (where, message)
        own = ident, cause.fingerprint, nonce, record, len(names) + 1, key, len(indexes), len(requests), hints
        self._of_causes += own
        names += (keys.record(ident), keys.mark(ident))
        if requests:
            run = keys.run(ident)
            names += [f"{run}.{n}" for n in range(len(requests))]
        self.number += 1

    def acceptance(self, limit: int = 0) -> Acceptance:
        """Return the keys and arguments for what was added, all of which is accepted if *limit* allows."""
        kinds = self._kinds
        head = MARK_TTL, limit, len(kinds.numbers), self.number
        return Acceptance(kinds.names, [*head, *kinds.args, *self._of_causes, *self._tails])

    def script(self, limit: int) -> Script:
        """Return the call that accepts what was added."""
        wanted = self.acceptance(limit)
        return Script("accept", wanted.keys, wanted.args)


@dataclass
class Kinds:
    """The keys of a call, and what it says but once of runs that are alike."""

    keys: Keys
    names: list[str]
    places: dict[str, int] = field(default_factory=dict)
    numbers: dict[Request, int] = field(default_factory=dict)
    args: list[str | int] = field(default_factory=list)

    def copy(self) -> "Kinds":
        """Return one that can be added to without changing this one."""
        return Kinds(self.keys, self.names.copy(), self.places.copy(), self.numbers.copy(), self.args.copy())

    def place(self, name: str) -> int:
        """Return the place of a key that several causes may share."""
        place = self.places.get(name)
        if place is None:
            self.names.append(name)
            place = self.places[name] = len(self.names)
        return place

    def number(self, request: Request) -> int:
        """Return the number of a kind of runs."""
        number = self.numbers.get(request)
        if number is None:
            task, queue = self.place(self.keys.task(request.task)), self.place(self.keys.queue(request.queue))
            self.args += (request.task, request.queue, request.priority, request.delay, request.at, task, queue)
            number = self.numbers[request] = len(self.numbers) + 1
        return number


@lru_cache(maxsize=256)
def _kinds(keys: Keys, requests: tuple[Request, ...]) -> Kinds:
    """Return the kinds of *requests*: most events want what those before them wanted."""
    made = Kinds(keys, [keys.position, keys.due, *keys.starts])
    for request in requests:
        made.number(request)
    return made


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
