"""The two clients that run a flow: one for threads, one for the process's event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, OutOfMemoryError, RedisError

from core.errors import BacklogFull, CoreError, LedgerUnavailable
from core.ledger.breaker import Breaker
from core.ledger.cable import Cable
from core.ledger.clients import async_client, client
from core.ledger.flow import Command, Flow, Script, Words
from core.ledger.line import Line
from core.ledger.wire import Wire

T = TypeVar("T")
NO_END = object()  # of a flow that has none yet
UNBROKEN = nullcontext()


class Ledger:
    """Runs flows on a thread. Safe to share between threads.

    *patience* is the seconds one answer may take. With *breaker*, where it did not come nobody asks for a moment.
    """

    def __init__(self, url: str, *, patience: float = 1.0, breaker: bool = False) -> None:
        self.client = client(url, patience)
        self.cable = Cable(self.client)
        self._breaker = Breaker() if breaker else None

    def run(self, flow: Flow[T]) -> T:
        """Run *flow* to its end and return what it returns.

        Raises:
            LedgerUnavailable: the server did not answer or refused.
            BacklogFull: the server is out of memory.
        """
        try:
            commands = next(flow)
            while True:
                commands = flow.send(_checked(self._answers(commands)))
        except StopIteration as end:
            result: T = end.value
            return result

    def run_all(self, flows: Iterable[Flow[T]]) -> list[T | CoreError]:
        """Run *flows* side by side, a step of all of them in one pipeline; returns what each returned or raised.

        The server is at work on the first while the last are still being made, and asked what they want.
        """
        results, rest = list[Any](), iter(flows)
        going: dict[int, Flow[T]] = {}
        asked: dict[int, list[Command]] = {}

        def begun() -> Iterator[Command]:
            for n, flow in enumerate(rest):
                results.append(NO_END)
                if commands := _step(flow, None, results, n):
                    going[n], asked[n] = flow, commands
                    yield from commands

        try:
            answers = self._answers(begun())
            while asked:
                rest = iter(answers)
                own = {n: list(islice(rest, len(commands))) for n, commands in asked.items()}
                asked = {n: commands for n, found in own.items() if (commands := _step(going[n], found, results, n))}
                more = [command for commands in asked.values() for command in commands]
                answers = self._answers(more) if more else []
        except CoreError as error:
            return [*(error if result is NO_END else result for result in results), *(error for _ in rest)]
        return results

    def close(self) -> None:
        self.cable.close()
        self.client.close()

    def _answers(self, commands: Iterable[Command]) -> list[Any]:
        """Return the answers, refusals among them. *commands* may still be in the making."""
        asked: list[Command] = []
        with TRANSLATED, self._breaker.asked() if self._breaker else UNBROKEN:
            answers = self._send(map(_plain, _noted(commands, asked)))
            if missing := _missing(answers):
                again = self._send(_plain(asked[i], whole=True) for i in missing)
                _fill(answers, missing, again)
        return answers

    def _send(self, commands: Iterable[Words]) -> list[Any]:
        return self.cable.send(commands)


class AsyncLedger:
    """Runs flows on the process's event loop; a coroutine on another loop is carried over.

    *on_loop* tells how: it takes a coroutine function's coroutine and awaits it on the right loop. Scripts of
    concurrent callers share pipelines. *patience* and *breaker* are as of ``Ledger``.
    """

    def __init__(
        self,
        url: str,
        on_loop: Callable[[Awaitable[Any]], Awaitable[Any]],
        *,
        patience: float = 1.0,
        breaker: bool = True,
    ) -> None:
        self._on_loop = on_loop
        self._limit = patience * 1.5  # seconds, the wait for a free connection included
        self.client = async_client(url, patience)
        self.wire = Wire(self.client.connection_pool)
        self.line = Line(self._exchange)
        self._breaker = Breaker() if breaker else None

    async def run(self, flow: Flow[T]) -> T:
        """Run *flow* to its end; raises as ``Ledger.run`` does."""
        result: T = await self._on_loop(self.run_here(flow))
        return result

    async def close(self) -> None:
        await self._on_loop(self.client.aclose())

    async def run_here(self, flow: Flow[T]) -> T:
        """Run *flow* to its end, on the right loop; raises as ``Ledger.run`` does."""
        try:
            commands = next(flow)
            while True:
                commands = flow.send(await self._answers(commands))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _answers(self, commands: Sequence[Command]) -> list[Any]:
        scripts = any(isinstance(command, Script) for command in commands)
        # Who waits behind a slow question has a limit of his own, unless nobody waits for him, as in a worker.
        limit = asyncio.timeout(self._limit) if self._breaker or not scripts else nullcontext()
        with TRANSLATED, self._breaker.asked() if self._breaker else UNBROKEN:
            async with limit:
                # What reads may have a long answer, for which nobody else should wait.
                answers = await (self.line.ask(commands) if scripts else self._read(commands))
        return _checked(answers)

    async def _read(self, commands: Sequence[Command]) -> list[Any]:
        async with self.client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*_plain(command))
            return await pipe.execute(raise_on_error=False)

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        async with asyncio.timeout(self._limit):
            answers = await self.wire.send([_plain(command) for command in commands])
            if missing := _missing(answers):
                again = await self.wire.send([_plain(commands[i], whole=True) for i in missing])
                _fill(answers, missing, again)
            return answers


def _step(flow: Flow[Any], answers: list[Any] | None, results: list[Any], place: int) -> list[Command] | None:
    """Take *flow* one step further; returns what it asks, or puts its end into *results*."""
    try:
        return flow.send(None if answers is None else _checked(answers))  # type: ignore[arg-type]
    except StopIteration as end:
        results[place] = end.value
    except CoreError as error:
        results[place] = error
    return None


def _noted(commands: Iterable[Command], asked: list[Command]) -> Iterable[Command]:
    """Return *commands*, each of which is added to *asked* when it is made."""
    if isinstance(commands, list):
        asked += commands
        return commands
    return _noting(commands, asked)


def _noting(commands: Iterable[Command], asked: list[Command]) -> Iterator[Command]:
    for command in commands:
        asked.append(command)
        yield command


def _plain(command: Command, *, whole: bool = False) -> Words:
    return command.command(whole=whole) if isinstance(command, Script) else command


def _missing(answers: Sequence[Any]) -> list[int]:
    """Return what to ask again: all from the first script on that the server did not know.

    What comes behind may have waited for it to be on disk, and whatever a flow asks may be asked twice.
    """
    for first, answer in enumerate(answers):
        if isinstance(answer, NoScriptError):
            return list(range(first, len(answers)))
    return []


def _fill(answers: list[Any], places: Sequence[int], found: Sequence[Any]) -> None:
    for place, answer in zip(places, found, strict=True):
        answers[place] = answer


def _checked(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, Exception):
            with TRANSLATED:
                raise answer
    return answers


class _Translated:
    """Turns what redis-py raises into our errors. It is entered for each question, so it is no generator."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OutOfMemoryError):
            raise BacklogFull from error
        if isinstance(error, TimeoutError | RedisError | OSError):
            kind = type(error).__name__
            raise LedgerUnavailable(
                f"The ledger did not answer ({kind}: {error}). Nothing is lost that was accepted."
            ) from error


TRANSLATED = _Translated()
