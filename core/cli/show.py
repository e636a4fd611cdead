"""How commands print: tables and facts for people, JSON for programs."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

COLOURS = {
    "scheduled": "blue",
    "pending": "blue",
    "parked": "yellow",
    "running": "cyan",
    "retrying": "yellow",
    "succeeded": "green",
    "fired": "green",
    "discarded": "bright_black",
    "cancelled": "bright_black",
    "skipped": "yellow",
    "dead": "red",
    "expired": "red",
    "missed": "red",
    "ready": "green",
    "ok": "green",
    "warn": "yellow",
    "bad": "red",
    "not ready": "red",
    "failing": "red",
}
GAP = "  "
NARROW = 12  # characters of a last column that are too few to read; then lines are left to wrap


def as_json(value: Any) -> None:
    """Print *value* as JSON; ASCII alone, so that no terminal or locale can spoil it."""
    click.echo(json.dumps(value, indent=2))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print *rows* in aligned columns under *heads*; cells of the column ``state`` are coloured on a terminal.

    There the last column is cut off where a line would not fit.
    """
    cells = [[plain(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    room = _width() - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
    if room >= NARROW:
        cells = [[*row[:-1], _cut(row[-1], room)] for row in cells]
    click.echo(_line(heads, widths, [head.upper() for head in heads]))
    for row in cells:
        click.echo(_line(heads, widths, row))


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print each name with its value, aligned; without those that have none."""
    shown = [(name, plain(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name:<{width}}{GAP}{painted(name, value)}")


def block(title: str, text: str) -> None:
    """Print *text*, which may have several lines, indented under *title*."""
    click.echo(f"\n{title}:")
    for line in text.splitlines():
        click.echo(f"  {plain(line)}")


def plain(value: object) -> str:
    """Return *value* as text that cannot steer a terminal: strangers' words may hold escape sequences."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def pretty(value: object) -> str:
    """Return *value* as JSON that people read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _width() -> int:
    """Return how many characters a line may have: as the terminal says; elsewhere there is no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000_000


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _line(heads: Sequence[str], widths: Sequence[int], cells: Sequence[str]) -> str:
    last = len(cells) - 1
    padded = [
        cell if n == last else f"{cell:<{width}}" for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return GAP.join(painted(head, cell) for head, cell in zip(heads, padded, strict=True)).rstrip()


def painted(name: str, text: str) -> str:
    """Return *text*, coloured if *name* is ``state`` and it is one."""
    colour = COLOURS.get(text.strip()) if name == "state" else None
    return click.style(text, fg=colour) if colour else text
