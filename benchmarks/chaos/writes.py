"""What an append-only file says of hints and ends: each command of interest is read whole, however much it carries."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.ledger.keys import STATES, TERMINAL

PIECE = 16 * 1024 * 1024
OVERLAP = 4 * 1024 * 1024  # bytes that two pieces of the file share: no command of interest is longer
ENDED = "|".join(state for state in STATES if state in TERMINAL)
COMMAND = re.compile(
    rb"\*(\d+)\r\n\$\d+\r\n(?:([LR]PUSH)\r\n\$\d+\r\ncarillon\.[^\r]+|ZADD\r\n\$\d+\r\n\{carillon\}:state:(?:"
    + ENDED.encode()
    + rb"))\r\n",
    re.IGNORECASE,
)
WORD = re.compile(rb"\$(\d+)\r\n")


@dataclass
class Writes:
    """How many hints were pushed, and how often each run was put under a terminal state."""

    hints: int = 0
    ends: Counter[str] = field(default_factory=Counter)


def writes(files: Iterable[Path]) -> Writes:
    """Return what the append-only *files* of a server say."""
    found = Writes()
    for path in files:
        for text, start, words, is_push in _commands(path):
            if is_push:
                found.hints += words
            else:
                found.ends.update(word.decode() for word in list(_words(text, start, words))[1::2])
    return found


def _commands(path: Path) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield of each command of interest the text it stands in, where its words after the key begin, and how many."""
    rest, final = b"", False
    with path.open("rb") as file:
        while not final:
            piece = file.read(PIECE)
            text, final = rest + piece, len(piece) < PIECE
            # What begins near the end may go on in the next piece: it is read with that.
            last, end = len(text) - (0 if final else OVERLAP), 0
            for match in COMMAND.finditer(text):
                if match.start() < last:
                    yield text, match.end(), int(match[1]) - 2, match[2] is not None
                    end = match.end()
            rest = text[max(last, end) :]


def _words(text: bytes, start: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        head = WORD.match(text, start)
        if head is None:
            raise ValueError(f"The file breaks off in a command, at {text[start : start + 40]!r}.")
        start = head.end() + int(head[1]) + 2
        yield text[head.end() : start - 2]
