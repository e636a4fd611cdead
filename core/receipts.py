"""What an emitter gets: what was accepted, and what that survives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.clock import monotonic


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What was accepted: the ledger's id, the runs as ``(id, task)``, whether it was there already."""

    id: str
    type: str
    runs: Sequence[tuple[str, str]]
    duplicate: bool
    durability: str

    def view(self) -> dict[str, Any]:
        """Return the receipt as the API answers it."""
        runs = [{"id": run, "task": task} for run, task in self.runs]
        common = {"duplicate": self.duplicate, "durability": self.durability}
        return {"id": self.id, "type": self.type, "runs": runs} | common


class Known:
    """A fact that is asked for when it is first needed, and again after a minute."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._fact = ""
        self._until = 0.0

    @property
    def value(self) -> str:
        """The fact, or '' where it has to be asked for."""
        return self._fact if monotonic() < self._until else ""

    def ask(self) -> str:
        """Ask, which may block; return the fact."""
        self._fact, self._until = self._ask(), monotonic() + 60
        return self._fact
