"""The ledger's scripts without one of their guards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutants import mutants

from core.ledger import flow


@contextmanager
def without(script: str, guard: str) -> Iterator[None]:
    """Take *guard* out of *script* for the length of a ``with`` block."""
    before = flow.LUA
    with tempfile.TemporaryDirectory(prefix="carillon-without-") as folder:
        flow.LUA = Path(shutil.copytree(before, Path(folder) / "lua"))
        path = flow.LUA / f"{script}.lua"
        path.write_text(next(one.text for one in mutants(script, path.read_text()) if one.guard == guard))
        flow.source.cache_clear()
        try:
            yield
        finally:
            flow.LUA = before
            flow.source.cache_clear()
