"""What a run that was killed left behind: found by pid and start time, stopped, told in one line."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import embedded
from core.supervisor import groups
from core.supervisor.screen import Screen

PATIENCE = 5.0


async def stop(left: Mapping[str, Mapping[str, Any]], root: Path, data: Path, screen: Screen) -> None:
    """Stop those of *left* that still run, then the embedded server of *data*: it goes last, as in any stop."""
    found = {
        name: process["pid"]
        for name, process in left.items()
        if groups.started(process["pid"]) == process["started"] != "" or groups.orphaned(process["pid"], root)
    }
    found.pop("valkey", None)
    await _end(set(found.values()))
    if server := await asyncio.to_thread(embedded.stop_leftover, data):
        found["valkey"] = server
    if found:
        names = ", ".join(f"{name} (pid {pid})" for name, pid in found.items())
        screen.say(f"stopped what an earlier run left behind: {names}")


async def _end(left: set[int]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in left:
            groups.signal(group, number)
        left = await groups.gone(left, PATIENCE)
