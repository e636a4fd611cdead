"""Development: notices changed files and asks whether the new code can run."""

import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from core.supervisor.process import Place, run_to_end
from core.supervisor.screen import Screen

FOLDERS = ("handlers", "schedules", "core")
KINDS = (".py", ".html", ".css", ".js", ".lua")
SHOWN = 20


class SourceFilter(DefaultFilter):
    """Lets the files pass that the processes are made of."""

    def __call__(self, change: Change, path: str) -> bool:
        return path.endswith(KINDS) and super().__call__(change, path)


async def changes(root: Path, complain: Callable[[str], None]) -> AsyncIterator[str]:
    """Yield what changed, in words, each time something did: ``handlers/orders.py and 2 more``."""
    folders = [root / name for name in FOLDERS if (root / name).is_dir()]
    if not folders:
        return
    try:
        async for found in awatch(*folders, watch_filter=SourceFilter(), debounce=400, step=50, rust_timeout=1000):
            names = sorted(str(Path(path).relative_to(root)) for _, path in found)
            yield names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    except (OSError, RuntimeError) as error:
        complain(f"changed files cannot be noticed ({error}); reload is off until make run is started again")


async def passes(check: str, place: Place, screen: Screen) -> bool:
    """Run *check* on the new code; show the end of what it says if it fails."""
    said: deque[str] = deque(maxlen=SHOWN)
    if await run_to_end("check", check, place, said.append) == 0:
        return True
    for line in _without_traceback(said):
        screen.relay("check", line)
    return False


def _without_traceback(lines: deque[str]) -> list[str]:
    """Return the message alone where the error is one of ours, whose text is made for people."""
    for number, line in enumerate(lines):
        if re.match(r"core\.errors\.\w+: ", line):
            return [line.partition(": ")[2], *list(lines)[number + 1 :]]
    return list(lines)
