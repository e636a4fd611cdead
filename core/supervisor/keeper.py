"""Keeps one process running until it is told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from core import clock
from core.errors import CoreError
from core.supervisor.process import Place, Process, ending
from core.supervisor.screen import Screen

GRACE = 25.0
SHORT_LIFE = 10.0
LONGEST_DELAY = 30.0


async def nothing() -> None:
    """Prepare nothing."""


class Keeper:
    """Starts a process, and again when it ends by itself: at once, later with a growing delay."""

    def __init__(
        self,
        name: str,
        command: str,
        place: Place,
        screen: Screen,
        *,
        prepare: Callable[[], Awaitable[object]] = nothing,
    ) -> None:
        self.name = name
        self.command = command
        self.place = place
        self.screen = screen
        self.prepare = prepare
        self.process: Process | None = None
        self.stopping = asyncio.Event()
        self.deadline = 0.0
        self.deaths = 0
        self.task = asyncio.create_task(self._keep(), name=name)

    async def stop(self) -> None:
        """Ask the process to stop, once; kill its group if it is still there 25 seconds later."""
        if not self.stopping.is_set():
            self.stopping.set()
            self.deadline = clock.monotonic() + GRACE
            if self.process:
                self.process.terminate()
        await asyncio.wait({self.task}, timeout=max(0.0, self.deadline - clock.monotonic()))
        if not self.task.done():
            self.screen.say(f"{self.name} did not stop within {GRACE:.0f} seconds; killing it")
            self.kill()
        await asyncio.wait({self.task})  # wait() leaves the task alone when we are cancelled
        self.task.result()

    def kill(self) -> None:
        """Kill the process and its group at once; it is started again unless it was told to stop."""
        if self.process:
            self.process.kill()

    async def _keep(self) -> None:
        while not self.stopping.is_set():
            began = clock.monotonic()
            how = await self._live()
            if self.stopping.is_set():
                return
            if clock.monotonic() - began >= SHORT_LIFE:
                self.deaths = 0
            delay = min(LONGEST_DELAY, 2.0 ** (self.deaths - 1)) if self.deaths else 0.0
            self.deaths += 1
            when = f" in {delay:.0f} s" if delay else ""
            self.screen.say(f"{self.name} ended ({how}); starting it again{when}")
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self.stopping.wait()

    async def _live(self) -> str:
        """Run the process for one life; return how it ended, in words."""
        try:
            await self.prepare()
            self.process = await Process.start(self.name, self.command, self.place, self._relay)
        except (OSError, CoreError) as error:
            return f"could not be started: {error}"
        if self.stopping.is_set():
            self.process.terminate()
        try:
            return ending(await self.process.ended())
        finally:
            self.process = None

    def _relay(self, line: str) -> None:
        self.screen.relay(self.name, line)
