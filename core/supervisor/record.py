"""`.data/run.json`: what runs, for other commands to find and for the next start to clean up; and the lock."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.errors import CoreError
from core.supervisor import groups


class Record:
    """The file, rewritten whole at each change. ``core.config`` reads ``env`` and ``redis_url`` from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts: dict[str, Any] = {"pid": os.getpid()}
        self.processes: dict[str, dict[str, Any]] = {}

    def left_behind(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the processes that an earlier run noted and did not live to take out."""
        try:
            found = json.loads(self.path.read_text())["processes"]
            return {str(name): {"pid": int(it["pid"]), "started": str(it["started"])} for name, it in found.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}

    def note(self, **facts: Any) -> None:
        self.facts.update(facts)
        self._write()

    def add(self, name: str, pid: int) -> None:
        self.processes[name] = {"pid": pid, "started": groups.started(pid)}
        self._write()

    def remove(self, name: str) -> None:
        self.processes.pop(name, None)
        self._write()

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        draft = self.path.with_suffix(".new")
        with suppress(OSError):  # a full disk must not end the processes that are noted here
            with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                json.dump({**self.facts, "processes": self.processes}, file, indent=1)
            draft.replace(self.path)


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the lock of *data* for the length of a ``with`` block; the kernel frees it whatever happens to us.

    Raises:
        CoreError: another ``make run`` holds it.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(data / "lock", "a+")  # noqa: SIM115
    except OSError as error:
        raise CoreError(f"{data} cannot be written ({error.strerror}); data and logs are kept there.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CoreError(
                f"make run is already running in this folder (pid {file.read().strip()}). Stop it first."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
