"""What ``make run`` keeps in ``.data/`` for other commands: where it runs, and the secrets it made."""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path


def running(data: Path) -> dict[str, str]:
    """Return what a running ``make run`` tells other commands, e.g. ``{"env": …, "redis_url": …}``."""
    try:
        found = json.loads((data / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or not _alive(found.get("pid")):
        return {}
    return {key: str(value) for key, value in found.items()}


def _alive(pid: object) -> bool:
    """A run that was killed tells nothing any more: its word on the environment would open doors."""
    try:
        os.kill(pid if isinstance(pid, int) and pid > 0 else 0, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return isinstance(pid, int) and pid > 0


def kept_secret(path: Path) -> str:
    """Return the secret kept at *path*; make it on first use, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):  # two processes may start at once: the first one's secret stands
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()
