"""What the search box of runs says: ``task:handlers.github.* state:dead,expired data.user.id:42 from:24h``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.dashboard.query import BadQuery, repeated, sought, spelled, stretch, terms
from core.ledger.fitting import RunFilter
from core.ledger.keys import STATES
from core.operating import Selection
from core.web.asked import named_states

KEYS = ("task", "state", "event", "schedule", "queue", "from", "to", "data.")
WORD = "a word"  # what has no key: a part of a task's name


@dataclass(frozen=True)
class Search:
    """A search as it was understood: its terms, and the runs it selects."""

    pairs: Sequence[tuple[str, str]] = ()
    selection: Selection = field(default_factory=Selection)

    def of_state(self, state: str) -> str:
        """Return the text of the same search for the runs of one *state*, '' for those of all."""
        rest = [pair for pair in self.pairs if pair[0] != "state"]
        return spelled([*rest, ("state", state)] if state else rest)


def search(text: str, now: datetime) -> Search:
    """Return what *text* means at *now*; times without a zone are in that of *now*.

    Raises:
        BadQuery: what was found, what is wanted.
    """
    pairs = [_whole(key, value) for key, value in terms(text, KEYS, bare=WORD)]
    if twice := repeated(pairs):
        several = " Several states stand behind one, with commas." if twice == "state" else ""
        raise BadQuery(f"Found {twice}: more than once; one is the most.{several}")
    given = dict(pairs)
    wanted = RunFilter(
        states=_states(given.get("state", "")),
        data=sought(pairs),
        **{key: given.get(key, "") for key in ("task", "event", "schedule", "queue")},
    )
    since, until = stretch(given, now)
    return Search(pairs, Selection(wanted=wanted, since=since, until=until))


def _whole(key: str, value: str) -> tuple[str, str]:
    if key != WORD:
        return key, value
    return "task", value if "*" in value else f"*{value}*"


def _states(text: str) -> tuple[str, ...]:
    try:
        return named_states(text)
    except ValueError as error:
        wanted = f"{', '.join(STATES)}, or failed for dead and expired; several with commas"
        raise BadQuery(f"Found state:{str(error)[:40]}; wanted {wanted}.") from None
