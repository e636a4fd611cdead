"""A table of rows kept as JSON, and as Markdown for people: what both harnesses do with their results."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any


def earlier(path: Path) -> list[dict[str, Any]]:
    """Return the fields of each row of the table at *path*, if there is one."""
    found = json.loads(path.read_text())["rows"] if path.exists() else []
    return [{name: value for name, value in one.items() if name != "passed"} for one in found]


def write(path: Path, facts: dict[str, Any], rows: Sequence[Any], text: str) -> None:
    """Write *rows* (dataclasses with ``passed``) as JSON to *path*, and *text* beside it as Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": facts, "rows": [asdict(one) | {"passed": one.passed} for one in rows]}
    path.write_text(json.dumps(found, indent=1) + "\n")
    path.with_suffix(".md").write_text(text)


def words(text: str) -> list[str]:
    """Return what stands between the commas of an option."""
    return [word.strip() for word in text.split(",") if word.strip()]
