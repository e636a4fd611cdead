"""The sweeper: finds what is due and unfinished, and publishes its hint again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flask import Flask

from core import moments
from core.ledger.flow import Flow, server_now
from core.ledger.keys import Keys
from core.ledger.parking import unpark
from core.ledger.running import Hint, due, recover, waiting
from core.ledger.store import Ledger

TRUST_AFTER = 15.0  # seconds of passes without a gap until silence counts as death
GAP = 5.0  # seconds between two passes that make a gap: the server, or this process, was away
BATCH = 200
MOST_BATCHES = 50  # in one pass, of what is due and of what waits: the rest is for the next one
IDLE_BATCHES = 3  # in a row, of what merely waits


@dataclass
class Sweeper:
    """Sweeps the ledger; any number of them may run. *depth* tells how many hints wait in a queue."""

    app: Flask
    keys: Keys
    ledger: Ledger
    publish: Callable[[Sequence[Hint]], None]
    depth: Callable[[str], int]
    _since: float = field(default=-1.0)
    _last: float = field(default=-1.0)
    _server: str = field(default="")

    def sweep(self, at: float) -> int:
        """Make one pass at monotonic time *at*; returns how many hints it published.

        It looks at what was due when it began: a queue that was empty then would else look so for what it published.
        """
        trusted = self._trusts(at)
        empty: dict[str, bool] = {}
        published, until = 0, self.ledger.run(server_now())
        for _ in range(MOST_BATCHES):
            runs = self.ledger.run(due(self.keys, BATCH, until))
            published += self._look(runs, empty, trusted)
            self._last = at
            if len(runs) < BATCH:
                break
        return published + self._look_at_waiting(until, empty, trusted) + self._open_gates()

    def _look_at_waiting(self, until: int, empty: dict[str, bool], trusted: bool) -> int:
        """Look at what has waited for a while, as long as hints are found lost; returns how many were.

        Both ends have their turn: what was overtaken is among the oldest, and what was lost of a short queue, behind
        the backlog of a long one, among the newest.
        """
        published = idle = 0
        for turn in range(MOST_BATCHES):
            runs = self.ledger.run(waiting(self.keys, BATCH, until, newest=turn % 2 == 1))
            found = self._look(runs, empty, trusted)
            published += found
            idle = 0 if found else idle + 1
            if len(runs) < BATCH or idle == IDLE_BATCHES:
                break
        return published

    def _look(self, runs: Sequence[str], empty: dict[str, bool], trusted: bool) -> int:
        """Look at *runs* and publish what is lost; returns how many hints that were."""
        found = self._looked(runs, empty, trusted)
        self.publish([hint for _, hint in found])
        for action, hint in found:
            moments.recovered.send(self.app, run=hint.run, action=action)
        return len(found)

    def _open_gates(self) -> int:
        """Publish what waited for the end of another run that has ended; returns how many."""
        hints = self.ledger.run(unpark(self.keys))
        self.publish(hints)
        return len(hints)

    def _looked(self, runs: Sequence[str], empty: dict[str, bool], trusted: bool) -> list[tuple[str, Hint]]:
        """Look at *runs*; *empty* remembers, by queue, what the broker said."""
        found = self.ledger.run(recover(self.keys, dict.fromkeys(runs), trusted=trusted, empty=empty))
        asked = {hint.run: hint.queue for action, hint in found if action == "ask"}
        if not asked:
            return found
        empty |= {queue: self._is_empty(queue) for queue in set(asked.values())}
        again = self.ledger.run(recover(self.keys, dict.fromkeys(asked), trusted=trusted, empty=empty))
        return [(action, hint) for action, hint in found if action != "ask"] + again

    def _trusts(self, at: float) -> bool:
        """A server that was frozen or restarted must not look like dead workers: watch it for a while first."""
        server = self.ledger.run(_server_run_id())
        if self._last < 0 or at - self._last > GAP or server != self._server:
            self._since, self._server = at, server
        return at - self._since >= TRUST_AFTER

    def _is_empty(self, queue: str) -> bool:
        """An unreachable broker holds nothing that could be known of: publish again when it is back."""
        try:
            return self.depth(queue) == 0
        except Exception as error:  # noqa: BLE001 - kombu raises what each transport raises
            moments.trouble.send(self.app, what=f"the depth of queue {queue} is not known", error=error)
            return False


def _server_run_id() -> Flow[str]:
    [info] = yield [("INFO", "server")]
    return str(info["run_id"])
