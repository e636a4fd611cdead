"""What Celery's result backend says of a plain task, asked on threads of its own.

It blocks, and one that is away may block for minutes. Nothing else must wait for it: not the event loop, nor what the
loop has other threads for.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from core.threads import Threads, opened

if TYPE_CHECKING:
    from celery import Celery

MOST = 4  # questions that may be open at once


class Results:
    """Asks the result backend of a Celery app."""

    def __init__(self, celery: "Celery") -> None:
        self._celery = celery
        self._threads = Threads(MOST)

    async def of(self, task: str, patience: float) -> dict[str, Any]:
        """Return what is known of *task*: ``status``, ``result`` and maybe ``traceback``, as Celery has them.

        Raises:
            TimeoutError: no answer came within *patience* seconds.
            Exception: whatever the backend raises.
        """
        waiting = True

        def ask() -> Any:  # who has gone away meanwhile needs no answer
            return self._celery.backend.get_task_meta(task) if waiting else {}

        try:
            async with asyncio.timeout(patience):
                found: dict[str, Any] = opened(await self._threads.call(ask))
        finally:
            waiting = False
        return found
