"""The names of the ledger's keys; all of them share one hash tag, so they live in one slot."""

from dataclasses import dataclass
from functools import cached_property

STATES = (
    "scheduled",
    "pending",
    "parked",
    "running",
    "retrying",
    "succeeded",
    "discarded",
    "dead",
    "cancelled",
    "expired",
)
TERMINAL = frozenset(STATES[5:])
FAILED = ("dead", "expired")


@dataclass(frozen=True)
class Keys:
    """Key names under ``{prefix}:``. An event is named by its ledger id, a run by ``<ledger id>.<n>``."""

    prefix: str

    def _key(self, *parts: str) -> str:
        return f"{{{self.prefix}}}:" + ":".join(parts)

    @property
    def due(self) -> str:
        """Sorted set: every run that is not terminal, by the time of its next check in ms."""
        return self._key("due")

    @property
    def position(self) -> str:
        """The last place given out: ms * 1024 + n. It orders every listing and never repeats."""
        return self._key("pos")

    @property
    def format(self) -> str:
        """The number of the ledger's format."""
        return self._key("format")

    @property
    def retention(self) -> str:
        """The worker whose turn it is to forget what is old."""
        return self._key("retention")

    @property
    def watermark(self) -> str:
        """Hash ``queue:priority`` -> time of the newest hint that was claimed."""
        return self._key("wm")

    @property
    def alive(self) -> str:
        """Sorted set of ``role:id`` by the server's time of its last heartbeat in ms."""
        return self._key("alive")

    @cached_property
    def states(self) -> list[str]:
        """The indexes by state, in the order that the scripts know."""
        return [self.state(state) for state in STATES]

    @property
    def ended(self) -> list[str]:
        """The indexes of the terminal states."""
        return [self.state(state) for state in STATES if state in TERMINAL]

    def state(self, state: str) -> str:
        return self._key("state", state)

    def task(self, name: str) -> str:
        return self._key("task", name)

    def queue(self, name: str) -> str:
        return self._key("queue", name)

    def type(self, event_type: str) -> str:
        return self._key("type", event_type)

    def source(self, source: str) -> str:
        return self._key("source", source)

    def subject(self, subject: str) -> str:
        return self._key("subject", subject)

    def causes(self, kind: str) -> str:
        """Sorted set of all events, fires or calls."""
        return self._key("causes", kind)

    def schedule(self, name: str) -> str:
        """Sorted set of a schedule's fires as causes."""
        return self._key("schedule", name)

    @property
    def schedules(self) -> str:
        """Sorted set of the names of all schedules of ours, by name."""
        return self._key("schedules")

    def fires(self, name: str) -> str:
        """Sorted set of a schedule's planned times and what became of them, by planned ms."""
        return self._key("fires", name)

    def record(self, cause: str) -> str:
        """The sealed event, fire or call."""
        return self._key("e", cause)

    def mark(self, cause: str) -> str:
        """The dedupe mark: the fingerprint of what was accepted under this id, for 24 h."""
        return self._key("d", cause)

    def idempotency(self, digest: str) -> str:
        return self._key("i", digest)

    def run(self, run: str) -> str:
        """Hash: where the run stands."""
        return self._key("r", run)

    def attempts(self, run: str) -> str:
        """List: attempts that did not end well."""
        return self._key("a", run)

    def result(self, run: str) -> str:
        return self._key("o", run)

    def log(self, run: str) -> str:
        """List: lines that the handler logged."""
        return self._key("l", run)

    def process(self, member: str) -> str:
        """What a living process says of itself."""
        return self._key("p", member)


def cause_of(run: str) -> str:
    """Return the ledger id of the cause of a run."""
    return run.rpartition(".")[0]
