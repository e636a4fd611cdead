"""Telling whether a process of this very machine is dead, without waiting for its silence.

A mark names the boot of the machine, the pid namespace, the user, the pid and when the process began. Only a mark
of our own boot, namespace and user can be judged, for the processes of others may be hidden from us; the rest are
left to their heartbeat.
"""

import os
from functools import cache
from pathlib import Path

from core.ledger.alive import alive
from core.ledger.flow import Flow
from core.ledger.keys import Keys


@cache
def _machine() -> str:
    """Return what names this boot, pid namespace and user, or '' where the system does not tell."""
    try:
        boot, namespace = Path("/proc/sys/kernel/random/boot_id").read_text().strip(), os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return f"{boot}/{namespace}/{os.getuid()}"


def own_mark() -> str:
    """Return the mark of this process, or '' where the system does not tell."""
    began = _began(os.getpid())
    return f"{_machine()} {os.getpid()}/{began}" if _machine() and began else ""


def is_dead(mark: str) -> bool:
    """Tell whether the process of *mark* is known to be dead."""
    machine, _, process = mark.partition(" ")
    if not _machine() or machine != _machine():
        return False
    pid, _, began = process.partition("/")
    return pid.isdecimal() and _began(int(pid)) != began


def dead_kin(keys: Keys) -> Flow[list[tuple[str, str]]]:
    """Return role and id of each listed process of this machine that is dead."""
    processes = yield from alive(keys)
    return [(process.role, process.id) for process in processes if is_dead(process.info.get("mark", ""))]


def _began(pid: int) -> str:
    """Return the start time of a process in the kernel's ticks, or '' if it is not there or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, start = fields[0], fields[19]
    return "" if state in "ZX" else start
