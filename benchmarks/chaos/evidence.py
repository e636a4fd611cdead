"""What handlers write of themselves, outside of Redis: one line when they start, one when they end."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "CHAOS_EVIDENCE"
_files: dict[str, int] = {}


@dataclass(frozen=True)
class Line:
    """A handler of an event has started or ended (*what*) its *attempt* of *run* in the process *pid*."""

    run: str
    event: str
    handler: str
    attempt: int
    pid: int
    what: str
    time: float

    @property
    def key(self) -> tuple[str, str]:
        """What has to be done once: this event, this handler."""
        return self.event, self.handler


def write(run: str, event: str, handler: str, attempt: int, what: str) -> None:
    """Append a line to the file that the environment names; lines of many processes do not mix."""
    path = os.environ[VARIABLE]
    if path not in _files:
        _files[path] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    line = f"{run},{event},{handler},{attempt},{os.getpid()},{what},{time.monotonic():.6f}\n"
    os.write(_files[path], line.encode())


def parse(text: str) -> list[Line]:
    """Return the lines of an evidence file; a half line at its end belongs to nobody yet."""
    found = []
    for row in text[: text.rfind("\n") + 1].splitlines():
        run, event, handler, attempt, pid, what, at = row.split(",")
        found.append(Line(run, event, handler, int(attempt), int(pid), what, float(at)))
    return found


class Reader:
    """Reads a growing evidence file, each line once, and keeps count of what has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[Line] = []
        self.ended: set[tuple[str, str]] = set()
        self._offset = 0

    def read(self) -> int:
        """Take up what was written since; returns how many lines that were."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        new = parse(whole.decode())
        self.lines += new
        self.ended |= ended(new)
        return len(new)


def ended(lines: Iterable[Line]) -> set[tuple[str, str]]:
    """Return what ended at least once."""
    return {line.key for line in lines if line.what == "end"}
