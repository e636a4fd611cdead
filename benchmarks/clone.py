"""A clone of a version of this project for measurements, with their handlers and no others."""

import shutil
from pathlib import Path


def clone(source: Path, folder: Path, handlers: Path, name: str) -> None:
    """Copy what runs of the project in *source* into *folder*; *handlers* becomes its one file of handlers, *name*."""
    shutil.copytree(source / "core", folder / "core", ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("handlers", "schedules"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    shutil.copy(handlers, folder / "handlers" / name)
    for file in ("Procfile", ".flaskenv"):
        shutil.copy(source / file, folder / file)
