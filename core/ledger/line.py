"""Questions that come at the same time share a pipeline: the next one leaves when the last one's answers are here.

So there is no wait for company, and the more there is to ask, the more is asked at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from core.ledger.flow import Command

MOST = 256  # commands of one pipeline

Answers = asyncio.Future[list[Any]]
Question = tuple[Sequence[Command], Answers]
Exchange = Callable[[Sequence[Command]], Awaitable[list[Any]]]


class Line:
    """Gathers the commands of one event loop and sends them through *exchange*, which returns their answers."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: deque[Question] = deque()
        self._busy: asyncio.Task[None] | None = None

    def ask(self, commands: Sequence[Command]) -> Answers:
        """Send *commands*; returns the future of their answers. To be called on the loop."""
        loop = asyncio.get_running_loop()
        answers: Answers = loop.create_future()
        self._waiting.append((commands, answers))
        if self._busy is None or self._busy.done():
            self._busy = loop.create_task(self._serve())
        return answers

    async def _serve(self) -> None:
        batch: list[Question] = []
        try:
            while self._waiting:
                await asyncio.sleep(0)  # those who were woken together ask together
                if batch := self._batch():
                    await self._send(batch)
        except BaseException:
            _refuse([*batch, *self._waiting], ConnectionError("its event loop ends"))
            self._waiting.clear()
            raise

    async def _send(self, batch: Sequence[Question]) -> None:
        try:
            found = await self._exchange([command for commands, _ in batch for command in commands])
        except Exception as error:  # noqa: BLE001 - it is the askers', who know what to do with it
            _refuse(batch, error)
            return
        start = 0
        for commands, answers in batch:
            if not answers.done():
                answers.set_result(found[start : start + len(commands)])
            start += len(commands)

    def _batch(self) -> list[Question]:
        """Return what goes next. What nobody waits for any more is left out: it was told that it was not asked."""
        batch: list[Question] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0][0]) <= MOST):
            question = self._waiting.popleft()
            if not question[1].done():
                batch.append(question)
                size += len(question[0])
        return batch


def _refuse(questions: Sequence[Question], error: Exception) -> None:
    for _, answers in questions:
        if not answers.done():
            answers.set_exception(error)
