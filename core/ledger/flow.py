"""Flows: what to ask the server and what to make of the answers, written once for sync and async clients.

A flow is a generator. It yields a list of commands, which go out as one pipeline, and receives their answers.
A command is a ``Script`` or a tuple such as ``("HGETALL", key)``.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

LUA = Path(__file__).parent / "lua"
ACCEPTING = ("fire", "refill")
# What a script does not need costs it time: it is defined anew by each call.
SHARED = dict.fromkeys(ACCEPTING, ("basics", "common", "acceptance")) | {
    "accept": ("basics", "acceptance"),
    "cancel": ("basics", "common", "counting"),
    "charge": ("basics", "common", "acceptance", "counting"),
    "claim": ("basics", "common", "counting"),
    "finish": ("basics", "common", "acceptance", "counting"),
}
# Scripts that end or hand back work must run on a full server too: otherwise it could never drain.
ALLOW_OOM = frozenset(
    {
        "beat",
        "cancel",
        "charge",
        "claim",
        "finish",
        "forget",
        "lead",
        "order",
        "recover",
        "release",
        "retry",
        "unpark",
        "yield",
    }
)

T = TypeVar("T")


@dataclass(frozen=True)
class Script:
    """One call of one script: its name, the keys it touches, its arguments."""

    name: str
    keys: Sequence[str]
    args: Sequence[str | bytes | int]

    def command(self, *, whole: bool = False) -> "Words":
        """Return the EVALSHA command, or with *whole* the EVAL that carries the script's text."""
        return (*beginning(self.name, whole=whole), len(self.keys), *self.keys, *self.args)


Words = tuple[Any, ...] | bytes  # a command, or what the server reads of it
Command = Script | tuple[Any, ...]
Flow = Generator[list[Command], list[Any], T]


@cache
def source(name: str) -> tuple[str, str]:
    """Return a script's text and its SHA-1.

    The ``#!lua`` line lets a full server refuse the script before its first write: Lua is not rolled back.
    """
    flags = " flags=allow-oom" if name in ALLOW_OOM else ""
    parts = [*SHARED.get(name, ("basics", "common")), name]
    text = "\n".join([f"#!lua{flags}", *((LUA / f"{part}.lua").read_text() for part in parts)])
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def beginning(name: str, *, whole: bool = False) -> tuple[str, str]:
    """Return how a call of a script begins: by its SHA-1, or *whole*."""
    text, digest = source(name)
    return ("EVAL", text) if whole else ("EVALSHA", digest)


def together(flows: Sequence[Flow[T]]) -> Flow[list[T]]:
    """Run *flows* side by side, a step of all of them in one pipeline; returns what each of them returned."""
    found, asked = dict[int, T](), dict[int, list[Command]]()

    def step(n: int, answers: list[Any] | None) -> None:
        try:
            asked[n] = next(flows[n]) if answers is None else flows[n].send(answers)
        except StopIteration as end:
            asked.pop(n, None)
            found[n] = end.value

    for n in range(len(flows)):
        step(n, None)
    while asked:
        answers = iter((yield [command for commands in asked.values() for command in commands]))
        for n, commands in list(asked.items()):
            step(n, list(islice(answers, len(commands))))
    return [found[n] for n in range(len(flows))]


def server_now() -> Flow[int]:
    """Return the server's time in ms since the epoch."""
    [[seconds, micros]] = yield [("TIME",)]
    return int(seconds) * 1000 + int(micros) // 1000


def scored(answer: Sequence[bytes]) -> list[tuple[str, float]]:
    """Return the members and scores of an answer to a command WITHSCORES."""
    return [(member.decode(), float(score)) for member, score in zip(answer[::2], answer[1::2], strict=True)]
