"""What is seen of a ledger while things happen to it, and whether that is as it must be."""

from collections.abc import Callable
from typing import TypeVar

from fragile import Fragile
from invariants import broken

from core.causes import Keyring
from core.entries import Layout, load_one
from core.ledger.fires import fires
from core.ledger.flow import Flow
from core.ledger.keys import TERMINAL, Keys

T = TypeVar("T")


class Watched:
    """A ledger, what callers and workers were answered, and the states that its runs were seen in."""

    def __init__(self, ledger: Fragile, keys: Keys) -> None:
        self.ledger, self.client, self.keys, self.keyring = ledger, ledger.client, keys, Keyring(("key",))
        self.layout = Layout(prefix=f"{keys.prefix}:redbeat:", keys=keys, keyring=self.keyring)
        self.accepted: set[str] = set()
        self.states: dict[str, str] = {}
        self.ended: dict[str, str] = {}  # runs, and how a worker was told that they ended
        self.revived: set[str] = set()  # runs that have ended, and that somebody asks to run again
        self.tellers: dict[str, str] = {}  # runs, and the event that tells of their death
        self.forgotten: set[str] = set()  # events that may be gone
        self.plan: dict[str, object] | None = None  # of the schedule, as it was edited last
        self.faults: list[str] = []
        self.ledger.seen = self._look

    def steadily(self, flow: Callable[[], Flow[T]]) -> T:
        """Run a flow that is not what fails here."""
        armed, self.ledger.armed = self.ledger.armed, False
        try:
            return self.ledger.run(flow())
        finally:
            self.ledger.armed = armed

    def _look(self) -> None:
        """Note what state each run is in: what has ended stays as it ended."""
        wanted = [run.decode() for run in self.client.zrange(self.keys.task("t"), 0, -1)]
        with self.client.pipeline(transaction=False) as pipe:
            for run in wanted:
                pipe.hget(self.keys.run(run), "state")
            found = {run: state.decode() for run, state in zip(wanted, pipe.execute(), strict=True)}
        for run, state in found.items():
            before = self.states.get(run)
            if before in TERMINAL and state == "pending" and run in self.revived:
                self.revived.discard(run)
            elif before in TERMINAL and state != before:
                self.faults.append(f"{run} was {before} and became {state}")
        self.states |= found

    def wrong(self) -> list[str]:
        """Return what is not as it must be once everything has come to its end."""
        found = self.faults + broken(self.client, self.keys)
        found += [
            f"{cause} was accepted and is not there" for cause in self.accepted - self.forgotten if not self._has(cause)
        ]
        found += [left for cause in self.forgotten if not self._has(cause) for left in self._left(cause)]
        found += [f"{run} is {state} at the end" for run, state in self.states.items() if state not in TERMINAL]
        found += [
            f"{row[-1]} was fired and is not there" for row in self.fired() if row[-1] not in {None, *self.states}
        ]
        stored = self.steadily(lambda: load_one(self.layout, "tidy"))
        found += [] if (stored and stored.plan) == self.plan else ["the schedule is not as it was edited"]
        for run, news in self.tellers.items():
            if (self.states.get(run) == "dead") != self._has(news):
                found.append(
                    f"{run} is {self.states.get(run)}, and its death is {'' if self._has(news) else 'not '}told"
                )
        for run, state in self.ended.items():
            if self.states.get(run) != state:
                found.append(f"{run} was {state} for its worker and is {self.states.get(run)}")
        return found

    def fired(self) -> list[tuple[object, ...]]:
        """Return what became of the planned times of the schedule."""
        rows = self.steadily(lambda: fires(self.keys, "tidy", 100))
        return [(row.planned, row.state, row.until, row.count, row.run) for row in rows]

    def now(self) -> int:
        seconds, micros = self.client.time()
        return seconds * 1000 + micros // 1000

    def _left(self, cause: str) -> list[str]:
        """Return what is left of a cause that is gone, its dedupe mark aside."""
        names = [name.decode() for name in self.client.scan_iter(f"{{{self.keys.prefix}}}:*{cause}*", count=1000)]
        return [f"{name} is left behind" for name in names if name != self.keys.mark(cause)]

    def _has(self, cause: str) -> bool:
        return bool(self.client.exists(self.keys.record(cause)))
