"""What the processes find in their environment: the real one, over `.env`, over the defaults of `make run`."""

import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values


def build(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the processes, for a project in *root* started with *environ*."""
    kept = {name: value for name, value in dotenv_values(root / ".env").items() if value is not None}
    given = kept | dict(environ)
    with_defaults(given, CARILLON_ENV="development", PORT="8000", PYTHONUNBUFFERED="1")
    if given["CARILLON_ENV"] == "development":
        with_defaults(given, CARILLON_HOST="127.0.0.1", WEB_CONCURRENCY="1")
    binaries = str(Path(sys.executable).parent)
    given["PATH"] = f"{binaries}:{given.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    return given


def with_defaults(environ: dict[str, str], **defaults: str) -> None:
    """Set what is unset in *environ*; a variable that is there and empty counts as unset."""
    for name, value in defaults.items():
        if not environ.get(name, "").strip():
            environ[name] = value
