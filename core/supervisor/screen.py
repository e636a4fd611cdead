"""What a person reads in the terminal: our sentences as they are, each process's lines behind its name."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34)
GREY = 90


class Screen:
    """Writes line by line, flushed; nobody has to wait for a buffer to fill."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self.stream = stream
        self.colour = colour
        self.width = 6
        self.colours: dict[str, int] = {}

    @classmethod
    def for_person(cls, environ: Mapping[str, str]) -> "Screen":
        colour = sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        return cls(sys.stdout, colour=colour)

    def introduce(self, names: list[str]) -> None:
        """Give each of *names* a colour, and all of them a column that fits the longest."""
        self.width = max([self.width, *map(len, names)])
        self.colours = dict(zip(names, COLOURS * len(names), strict=False))

    def say(self, sentence: str) -> None:
        """Write a sentence of our own."""
        self._write(sentence)

    def relay(self, name: str, line: str) -> None:
        """Write a *line* that the process *name* wrote."""
        label = f"{name:<{self.width}} |"
        if self.colour:
            label = f"\x1b[{self.colours.get(name, GREY)}m{label}\x1b[0m"
        self._write(f"{label} {line}")

    def _write(self, text: str) -> None:
        encoding = self.stream.encoding or "utf-8"
        with suppress(OSError):  # nobody reads any more: that is no reason to stop the work
            print(text.encode(encoding, "replace").decode(encoding), file=self.stream, flush=True)
