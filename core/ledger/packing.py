"""What ``acceptance.lua`` takes: causes and the runs they want, as keys and arguments."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from hiredis import Reader, pack_command

from core.causes import Cause, Keyring
from core.errors import InvalidEvent
from core.ledger.flow import Script, beginning
from core.ledger.keys import Keys
from core.ledger.words import ZERO, Request, Shared, bare, number, usual, word, words
from core.tokens import Tokens

nonces = Tokens()
MARK_TTL = 24 * 3600 * 1000  # ms that an id or idempotency key is remembered
# What one script accepts at once holds all others up: this much is a millisecond or two of the server's time.
HEAVIEST = 50  # an event weighs 1, each of its runs too
PER_WEIGHT = 8192  # bytes of data


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
        ident, more = one.cause.ledger_id, _weight(one)
        if pack and (weight + more > HEAVIEST or ident in ids):
            yield pack
            pack, ids, weight = [], set(), 0
        pack.append(one)
        ids.add(ident)
        weight += more
    if pack:
        yield pack


def _weight(wanted: Wanted) -> int:
    with suppress(InvalidEvent):
        return 1 + len(wanted.requests) + len(wanted.cause.content) // PER_WEIGHT
    return 1


class Packing:
    """Puts causes into a call of ``acceptance.lua``, as the server reads it; what several of them share is in it once.

    Fifty words, each told anew to redis-py's or hiredis's packer, would take longer than all the rest.
    """

    def __init__(self, keys: Keys, keyring: Keyring) -> None:
        self._keys, self._keyring = keys, keyring
        self._shared: Shared | None = None
        self._names: list[str] = []
        self._causes: list[bytes] = []
        self._tails: list[str] = []
        self._own = 0  # keys of the causes
        self._more = 0  # arguments in the tails
        self.number = 0  # of the causes in it

    def add(self, wanted: Wanted) -> None:
        """Add a cause and its runs.

        Raises:
            InvalidEvent: it cannot be recorded; nothing was added.
        """
        cause, requests, idempotency, outgoing = wanted
        ident, nonce, keys, runs = cause.ledger_id, nonces.brief(), self._keys, len(requests)
        record = self._keyring.seal(cause, runs=runs, nonce=nonce)
        like = cause.kind, cause.type, cause.source, tuple(requests)
        shared = self._shared = self._shared or usual(keys, *like).copy()
        indexes, places, kinds = shared.told if shared.like == like else shared.tell(*like)
        if cause.subject:
            indexes, places = indexes + 1, places + shared.place(keys.subject(cause.subject))
        if cause.parent:
            indexes, places = indexes + 1, places + shared.place(keys.children(cause.parent))
        key = shared.place(keys.idempotency(_digest(idempotency))) if idempotency else ZERO
        self._tails += (places, kinds)
        hints = 0
        for name, messages in outgoing.lists.items():
            hints += 2 + len(messages)
            self._tails += (shared.place(name), number(len(messages)), *map(word, messages))
        # An id of ours has 17 letters, a fingerprint 12, a nonce 8.
        what = f"$17\r\n{ident}\r\n$12\r\n{cause.fingerprint}\r\n$8\r\n{nonce}\r\n${len(record)}\r\n"
        counts = f"\r\n{key}{number(indexes)}{number(runs)}{number(hints)}"
        self._causes += (what.encode(), record, counts.encode())
        self._names += [f"{head}{ident}{rest}" for head, rest in shared.own(runs)]
        self._own += 2 + runs
        self._more += indexes + runs + hints
        self.number += 1

    def acceptance(self) -> Acceptance:
        """Return what was added as keys and arguments, for a script that does something else too."""
        reader = Reader()
        reader.feed(self._packed((), 0))
        keys, *rest = reader.gets()
        names = rest[: int(keys)]
        return Acceptance([name.decode() for name in names], rest[len(names) :])

    def script(self, limit: int = 0) -> Script:
        """Return the call that accepts what was added, if fewer than *limit* runs are open (0: however many)."""
        return Packed("accept", (), (), self._packed, limit)

    def script_with(self, name: str, own: Sequence[str | bytes | int]) -> Script:
        """Return a call of another script that accepts what was added; *own* arguments follow, and their number."""
        more: bytes = pack_command((*own, len(own))).partition(b"\r\n")[2]  # type: ignore[arg-type]
        return Packed(name, (), (), partial(self._packed, more=more, count=len(own) + 1), 0)

    def place(self, name: str) -> int:
        """Return the place, from 1, of a key that belongs to no cause."""
        shared = self._shared = self._shared or bare(self._keys)
        return int(shared.place(name).split("\r\n")[1])

    def _packed(self, head: tuple[str, ...], limit: int, *, more: bytes = b"", count: int = 0) -> bytes:
        assert self._shared  # there is nothing to say of no cause
        shared, causes = self._shared, self.number
        first, kinds = len(shared.places), len(shared.kinds)
        length = len(head) + 6 + first + self._own + 7 * kinds + 8 * causes + self._more + count
        numbers = f"{number(MARK_TTL)}{number(limit)}{number(kinds)}{number(causes)}{number(first)}"
        begun = [f"*{length}\r\n", words(head), number(first + self._own), *shared.names, *self._names]
        begun += (numbers, *shared.args)
        return b"".join(("".join(begun).encode(), *self._causes, "".join(self._tails).encode(), more))


@dataclass(frozen=True)
class Packed(Script):
    """A call that *pack* makes of the words that begin it, and of the most runs that may be open."""

    pack: Callable[[tuple[str, ...], int], bytes]
    limit: int

    def command(self, *, whole: bool = False) -> bytes:
        """Return the command as the server reads it."""
        return self.pack(beginning(self.name, whole=whole), self.limit)


def _digest(idempotency: str) -> str:
    return hashlib.sha256(idempotency.encode()).hexdigest()[:24]
