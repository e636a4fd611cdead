"""Read a Procfile: one ``name: command`` a line."""

import re
from pathlib import Path

from core.errors import CoreError

LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")


def read(path: Path) -> dict[str, str]:
    """Return the commands of the Procfile at *path* by name, in its order.

    Raises:
        CoreError: there is none, or a line of it is something else.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise CoreError(f"{path} cannot be read ({error.strerror}). Run this in the folder of the project.") from error
    commands: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = LINE.fullmatch(line.strip())
        if not found or found[1] in commands:
            raise CoreError(f"{path.name}, line {number}, is {line!r}; it must be 'name: command', each name once.")
        commands[found[1]] = found[2]
    return commands
