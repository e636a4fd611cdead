"""Items that are worked on by the batch, on one event loop, with no timer: whoever comes while a batch is under way
goes with the next one, so the more there is to do, the more is done at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

MOST = 50  # items of one batch
MUCH = 32  # items that wait until a second batch starts meanwhile

T = TypeVar("T")


class Gathering(Generic[T]):
    """Hands items to *work*, which must not raise."""

    def __init__(self, work: Callable[[list[T]], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: deque[T] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    def put(self, item: T) -> None:
        """Add *item*; to be called on the loop."""
        self._waiting.append(item)
        if not self._under_way or (len(self._under_way) == 1 and len(self._waiting) >= MUCH):
            task = asyncio.get_running_loop().create_task(self._serve())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._work([self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))])
                await asyncio.sleep(0)  # those who were woken together go together
        finally:
            self._under_way.discard(asyncio.current_task())  # at once: the next item needs a new one
