"""The peers' virtual environments: one for each requirements file, built once and kept until that file changes."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements")
PLACE = REPOSITORY / ".bench"
PATIENCE = 600  # seconds that one of them may take to build


class Unavailable(RuntimeError):
    """A peer that cannot be installed here."""


def environment(name: str, place: Path = PLACE) -> Path:
    """Return the folder of a peer's programs; builds its environment where that is not there yet.

    Raises:
        Unavailable: saying why.
    """
    folder, wanted = place / name, REQUIREMENTS / f"{name}.txt"
    stamp, text = folder / "built-from.txt", f"# {sys.version}\n{wanted.read_text()}"
    if not stamp.exists() or stamp.read_text() != text:
        print(f"setting up {name} from {wanted.name}", file=sys.stderr, flush=True)
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "-r", str(wanted))
        stamp.write_text(text)
    return folder / "bin"


def pinned(name: str) -> dict[str, str]:
    """Return the versions that a requirements file asks for."""
    lines = (line.partition(";")[0].strip() for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def _run(*words: str) -> None:
    try:
        subprocess.run(words, capture_output=True, check=True, text=True, timeout=PATIENCE)
    except subprocess.CalledProcessError as error:
        raise Unavailable((error.stderr.strip().splitlines() or ["pip said nothing"])[-1]) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
