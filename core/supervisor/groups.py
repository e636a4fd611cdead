"""What the kernel knows of a process and its group: is it still the same one, does anything of it live."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
PAUSE = 0.02
HAS_PROC = (PROC / "self" / "stat").exists()


class Fact(NamedTuple):
    """One process, from its ``/proc/<pid>/stat``."""

    pid: int
    state: str
    group: int
    started: str


def started(pid: int) -> str:
    """Return when *pid* was started, in a form only good for comparing; empty if there is no such process.

    A pid is used again, a pid with its start time is not.
    """
    if HAS_PROC:
        fact = _fact(pid)
        return f"{_boot()} {fact.started}" if fact and fact.state != "Z" else ""
    return _ps("-o", "lstart=", "-p", str(pid)).strip()


def alive(group: int) -> bool:
    """Tell whether any process of *group* still runs; those that only wait to be reaped do not count."""
    if HAS_PROC:
        return any(fact.group == group and fact.state != "Z" for fact in _all())
    states = (line.split() for line in _ps("-axo", "pgid=,stat=").splitlines())
    return any(int(found) == group and not state.startswith("Z") for found, state in states)


async def gone(wanted: set[int], seconds: float) -> set[int]:
    """Wait until nothing of the *wanted* groups runs, *seconds* at most; return those that still do."""
    left = {group for group in wanted if alive(group)}
    for _ in range(int(seconds / PAUSE)):
        if not left:
            break
        await asyncio.sleep(PAUSE)
        left = {group for group in left if alive(group)}
    return left


def orphaned(group: int, root: Path) -> bool:
    """Tell whether *group* lost its leader and lives on in *root*: then its number was not used again."""
    if not HAS_PROC or started(group):
        return False
    return any(fact.group == group and _folder(fact.pid) == root for fact in _all())


def signal(group: int, number: int) -> None:
    """Send *number* to every process of *group*; one that is gone does not mind."""
    with suppress(ProcessLookupError, PermissionError):  # macOS forbids to signal a group of zombies
        os.killpg(group, number)


def _all() -> Iterator[Fact]:
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (fact := _fact(int(entry.name))):
            yield fact


def _fact(pid: int) -> Fact | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return Fact(pid, fields[0], int(fields[2]), fields[19])


def _folder(pid: int) -> Path | None:
    try:
        return (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607
