"""One running command: leader of a session of its own, its output relayed line by line."""

import asyncio
import os
import signal
from asyncio.subprocess import Process as Child
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.supervisor import groups
from core.supervisor.record import Record

LONGEST_LINE = 1 << 20
LAST_OUTPUT = 1.0
SWEEP = 2.0
PATIENCE = 5.0


@dataclass(frozen=True)
class Place:
    """Where processes run, and where their pids are kept."""

    root: Path
    environ: Mapping[str, str]
    record: Record


class Process:
    """A started command. Await ``ended()``; ``terminate()`` and ``kill()`` hurry it."""

    def __init__(self, name: str, child: Child, output: asyncio.Task[None], record: Record) -> None:
        self.name = name
        self.child = child
        self.output = output
        self.record = record

    @classmethod
    async def start(cls, name: str, command: str, place: Place, relay: Callable[[str], None]) -> "Process":
        """Start *command*; each line that it or its children write goes to *relay*.

        The shell waits for a word before it becomes the command. We say it once the pid is noted; killed before that,
        we leave nothing behind that the next start could not find.
        """
        # a pipe of our own: asyncio's would make wait() wait for whoever inherited it
        reading, writing = os.pipe()
        waiting, starting = os.pipe()
        output = asyncio.create_task(_relay(reading, relay))
        try:
            child = await asyncio.create_subprocess_shell(
                f"read -r go && exec </dev/null && exec {command}",
                cwd=place.root,
                env=place.environ,
                stdin=waiting,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
            place.record.add(name, child.pid)
            with suppress(BrokenPipeError):
                os.write(starting, b"go\n")
        finally:
            for descriptor in (writing, waiting, starting):
                os.close(descriptor)
        return cls(name, child, output, place.record)

    async def ended(self) -> int:
        """Wait until it ended, kill what it left of its group, and return its exit code (``-9``: signal 9)."""
        code = await self.child.wait()
        self.kill()
        await groups.gone({self.child.pid}, SWEEP)
        await asyncio.wait({self.output}, timeout=LAST_OUTPUT)
        self.output.cancel()
        self.record.remove(self.name)
        return code

    def terminate(self) -> None:
        """Ask its main process, and only that one, to stop."""
        with suppress(ProcessLookupError):
            self.child.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill its whole group."""
        groups.signal(self.child.pid, signal.SIGKILL)


async def run_to_end(name: str, command: str, place: Place, relay: Callable[[str], None]) -> int:
    """Run *command* once and return its exit code; if the caller is cancelled, it has a few seconds to stop."""
    process = await Process.start(name, command, place, relay)
    try:
        return await process.ended()
    except asyncio.CancelledError:
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await process.child.wait()
        process.kill()
        await process.ended()
        raise


def ending(code: int) -> str:
    """Return an exit code in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


async def _relay(descriptor: int, relay: Callable[[str], None]) -> None:
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                line = b"(a line longer than a megabyte was left out)\n"
            if not line:
                return
            relay(line.decode(errors="replace").rstrip("\r\n"))
    finally:
        transport.close()
