"""Acceptance in the server's own words: what many causes have in common is put into them once, and kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from core.ledger.keys import Keys


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


Like = tuple[str, str, str, tuple[Request, ...]]  # kind, type and source of a cause, and the runs it wants
Told = tuple[int, str, str]  # how many indexes it stands in, their places, the numbers of its kinds of runs


@dataclass
class Shared:
    """What the causes of one call have in common, in the server's words: keys, and kinds of runs that are alike.

    *told* is what those say that are *like* the first of them, as most are.
    """

    keys: Keys
    names: list[str] = field(default_factory=list)
    args: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    kinds: dict[Request, str] = field(default_factory=dict)
    like: Like | None = None
    told: Told = 0, "", ""

    def copy(self) -> "Shared":
        """Return one that can be added to without changing this one."""
        lists = self.names.copy(), self.args.copy(), self.places.copy(), self.kinds.copy()
        return Shared(self.keys, *lists, self.like, self.told)

    def tell(self, kind: str, cause_type: str, source: str, requests: tuple[Request, ...]) -> Told:
        """Return what a cause says that is like this."""
        indexes = indexes_of(self.keys, kind, cause_type, source, None)
        return len(indexes), "".join(map(self.place, indexes)), "".join(map(self.kind, requests))

    def place(self, name: str) -> str:
        """Return the place of a key."""
        place = self.places.get(name)
        if place is None:
            self.names.append(word(name))
            place = self.places[name] = number(len(self.places) + 1)
        return place

    def kind(self, request: Request) -> str:
        """Return the number of a kind of runs."""
        kind = self.kinds.get(request)
        if kind is None:
            task, queue = self.place(self.keys.task(request.task)), self.place(self.keys.queue(request.queue))
            told = request.task, request.queue, str(request.priority), str(request.delay), str(request.at)
            self.args.append(f"{words(told)}{task}{queue}")
            kind = self.kinds[request] = number(len(self.kinds) + 1)
        return kind

    def own(self, runs: int) -> Sequence[tuple[str, str]]:
        """Return what stands before and behind an id in the words of a cause's own keys."""
        return _own(self.keys, runs)


def bare(keys: Keys) -> Shared:
    """Return what every call has."""
    made = Shared(keys)
    for name in (keys.position, keys.due, *keys.starts):
        made.place(name)
    return made


@lru_cache(maxsize=256)
def usual(keys: Keys, kind: str, cause_type: str, source: str, requests: tuple[Request, ...]) -> Shared:
    """Return what is shared by causes that are like this: most are like some that came before."""
    made = bare(keys)
    made.like = kind, cause_type, source, requests
    made.told = made.tell(*made.like)
    return made


@lru_cache(maxsize=256)
def _own(keys: Keys, runs: int) -> list[tuple[str, str]]:
    ident = "i" * 17
    names = [keys.record(ident), keys.mark(ident), *[keys.run(f"{ident}.{n}") for n in range(runs)]]
    found = [word(name).rpartition(ident) for name in names]
    return [(before, behind) for before, _, behind in found]


def word(text: str) -> str:
    """Return *text* as the server's protocol has it."""
    return f"${len(text) if text.isascii() else len(text.encode())}\r\n{text}\r\n"


@lru_cache(maxsize=256)
def words(texts: tuple[str, ...]) -> str:
    return "".join(map(word, texts))


@lru_cache(maxsize=1024)
def number(number: int) -> str:
    return word(str(number))


ZERO = number(0)


def indexes_of(keys: Keys, kind: str, cause_type: str, source: str, subject: str | None) -> tuple[str, ...]:
    """Return the indexes that a cause stands in, beside those of its runs."""
    if kind == "event":
        found = keys.causes("event"), keys.type(cause_type), keys.source(source)
        return (*found, keys.subject(subject)) if subject else found
    if kind == "fire":
        return keys.causes("fire"), keys.schedule(cause_type)
    return (keys.causes("call"),)
