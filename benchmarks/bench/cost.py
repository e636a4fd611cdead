"""What work costs: processor time of processes and of the server, and memory, as far as this system tells.

It needs the standard library only: it runs in the peers' environments too.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

TICKS = os.sysconf("SC_CLK_TCK")
MICRO = 1_000_000


def measured(items: int, act: Callable[[], None]) -> dict[str, float]:
    """Call *act*, which sends *items*; returns their rate, and what each cost this process and the server."""
    port = urlsplit(os.environ["REDIS_URL"]).port or 6379
    server, own, begun = server_seconds(port), time.process_time(), time.perf_counter()
    act()
    seconds = time.perf_counter() - begun
    own, server = time.process_time() - own, server_seconds(port) - server
    return {"rate": items / seconds, "own_us": own / items * MICRO, "server_us": server / items * MICRO}


def server_seconds(port: int) -> float:
    """Return the processor time that the Redis server on *port* has used."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as road, road.makefile("rb") as answers:
        road.sendall(b"INFO cpu\r\n")
        text = answers.read(int(answers.readline()[1:])).decode()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return float(fields["used_cpu_user"]) + float(fields["used_cpu_sys"])


def descendants(pid: int) -> list[int]:
    """Return *pid* and all processes below it."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (task / "children").read_text().split()]
    return [pid] + [below for child in found for below in descendants(child)]


def seconds_of(pids: Iterable[int]) -> float:
    """Return the processor time that processes have used, with that of their children that are gone."""
    return sum(_seconds(pid) for pid in pids)


def memory_of(pids: Iterable[int]) -> tuple[float, float]:
    """Return the resident and the proportional memory of processes, in MB."""
    found = [_memory(pid) for pid in pids]
    return sum(rss for rss, _ in found), sum(pss for _, pss in found)


def _seconds(pid: int) -> float:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(word) for word in words[11:15]) / TICKS
    return 0.0


def _memory(pid: int) -> tuple[float, float]:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024
    return 0.0, 0.0
