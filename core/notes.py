"""What handlers say of their runs while they go on: progress and log lines, recorded by the batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.ledger.keys import Keys
from core.ledger.running import note
from core.ledger.store import Ledger


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a handler said of its run: progress (``done/total`` or empty) or a log line (or empty)."""

    run: str
    token: str
    progress: str
    line: str


def keep_notes(ledger: Ledger, keys: Keys, said: Sequence[Said]) -> None:
    """Record what handlers said: per run the latest progress and all lines."""
    progress: dict[tuple[str, str], str] = {}
    lines: dict[tuple[str, str], list[str]] = {}
    for one in said:
        key = (one.run, one.token)
        lines.setdefault(key, []).extend([one.line] if one.line else [])
        progress[key] = one.progress or progress.get(key, "")
    for (run, token), texts in lines.items():
        ledger.run(note(keys, run, token, progress[run, token], texts))
