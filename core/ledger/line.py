"""Questions that come at the same time share a pipeline: the next one leaves when the last one's answers are here.

So there is no wait for company, and the more there is to ask, the more is asked at once. Where much waits, a second
pipeline is under way meanwhile, so that the server works while its answers are dealt with.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from core.ledger.flow import Command

MOST = 64  # commands of one pipeline
MUCH = 32  # questions that wait until a second pipeline starts

Answers = asyncio.Future[list[Any]]
Exchange = Callable[[Sequence[Command]], Awaitable[list[Any]]]


class Line:
    """Gathers the commands of one event loop and sends them through *exchange*, which returns their answers."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: deque[tuple[Sequence[Command], Answers]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    def ask(self, commands: Sequence[Command]) -> Answers:
        """Send *commands*; returns the future of their answers. To be called on the loop."""
        loop = asyncio.get_running_loop()
        answers: Answers = loop.create_future()
        self._waiting.append((commands, answers))
        if not self._under_way or (len(self._under_way) == 1 and len(self._waiting) >= MUCH):
            task = loop.create_task(self._serve())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return answers

    async def _serve(self) -> None:
        while self._waiting:
            batch: list[tuple[Sequence[Command], Answers]] = []
            try:
                await asyncio.sleep(0)  # those who were woken together ask together
                batch = self._batch()
                if not batch:  # the other pipeline took it
                    return
                found = await self._exchange([command for commands, _ in batch for command in commands])
            except BaseException as error:
                for _, answers in batch:
                    if not answers.done():
                        answers.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            start = 0
            for commands, answers in batch:
                if not answers.done():
                    answers.set_result(found[start : start + len(commands)])
                start += len(commands)

    def _batch(self) -> list[tuple[Sequence[Command], Answers]]:
        batch: list[tuple[Sequence[Command], Answers]] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0][0]) <= MOST):
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        return batch
