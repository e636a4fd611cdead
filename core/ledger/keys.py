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
OPEN, TERMINAL = STATES[:5], frozenset(STATES[5:])
WAITING = tuple(state for state in OPEN if state != "running")
FAILED = ("dead", "expired")
ASIDE = 2**48  # as the scripts have it: what the score of a pending run in ``due`` has on top of the time of its check


@dataclass(frozen=True)
class Keys:
    """Key names under ``{prefix}:``. An event is named by its ledger id, a run by ``<ledger id>.<n>``."""

    prefix: str

    @cached_property
    def _tag(self) -> str:
        return f"{{{self.prefix}}}:"

    @cached_property
    def due(self) -> str:
        """Sorted set: every run that is not terminal, by the time of its next check in ms.

        Pending runs stand ``ASIDE``, behind all others.
        """
        return f"{self._tag}due"

    @cached_property
    def position(self) -> str:
        """The last place given out: ms * 1024 + n. It orders every listing and never repeats."""
        return f"{self._tag}pos"

    @cached_property
    def format(self) -> str:
        """The number of the ledger's format."""
        return f"{self._tag}format"

    @cached_property
    def retention(self) -> str:
        """The worker whose turn it is to forget what is old."""
        return f"{self._tag}retention"

    @cached_property
    def watermark(self) -> str:
        """Hash ``queue:priority`` -> time of the newest hint that was claimed."""
        return f"{self._tag}wm"

    @cached_property
    def alive(self) -> str:
        """Sorted set of ``role:id`` by the server's time of its last heartbeat in ms."""
        return f"{self._tag}alive"

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The indexes by state, in the order that the scripts know."""
        return tuple(self.state(state) for state in STATES)

    @cached_property
    def starts(self) -> tuple[str, str]:
        """The indexes of the states that runs begin in: scheduled, pending."""
        return self.states[:2]  # type: ignore[return-value]

    @cached_property
    def ended(self) -> tuple[str, ...]:
        """The indexes of the terminal states."""
        return tuple(self.state(state) for state in STATES if state in TERMINAL)

    def state(self, state: str) -> str:
        return f"{self._tag}state:{state}"

    def task(self, name: str) -> str:
        return f"{self._tag}task:{name}"

    def queue(self, name: str) -> str:
        return f"{self._tag}queue:{name}"

    def type(self, event_type: str) -> str:
        return f"{self._tag}type:{event_type}"

    def source(self, source: str) -> str:
        return f"{self._tag}source:{source}"

    def subject(self, subject: str) -> str:
        return f"{self._tag}subject:{subject}"

    def causes(self, kind: str) -> str:
        """Sorted set of all events, fires or calls."""
        return f"{self._tag}causes:{kind}"

    def schedule(self, name: str) -> str:
        """Sorted set of a schedule's fires as causes."""
        return f"{self._tag}schedule:{name}"

    @cached_property
    def schedules(self) -> str:
        """Sorted set of the names of all schedules of ours, by name."""
        return f"{self._tag}schedules"

    @cached_property
    def wake(self) -> str:
        """The channel on which a beat that sleeps is woken."""
        return f"{self._tag}wake"

    @cached_property
    def ticked(self) -> str:
        """When a beat last fired all that was due, in ms since the epoch."""
        return f"{self._tag}ticked"

    @cached_property
    def counts(self) -> str:
        """Hash: how many planned times were fired, skipped and missed, ever."""
        return f"{self._tag}counts"

    @cached_property
    def minutes(self) -> str:
        """Hash ``minute since the epoch:name`` -> how many runs ended or began so, for a day."""
        return f"{self._tag}minutes"

    @cached_property
    def hours(self) -> str:
        """Hash ``hour since the epoch:name`` -> as ``minutes``, for a month."""
        return f"{self._tag}hours"

    @cached_property
    def counters(self) -> tuple[str, str]:
        """Where scripts count, in the order that they know."""
        return self.minutes, self.hours

    @cached_property
    def deploys(self) -> str:
        """Sorted set of the names of releases, by when the first worker of each began, in ms."""
        return f"{self._tag}deploys"

    @cached_property
    def quarantine(self) -> str:
        """Hash ``name of an entry`` -> why it is not fired (JSON)."""
        return f"{self._tag}quarantine"

    def fires(self, name: str) -> str:
        """Sorted set of a schedule's planned times and what became of them, by planned ms."""
        return f"{self._tag}fires:{name}"

    def record(self, cause: str) -> str:
        """The sealed event, fire or call."""
        return f"{self._tag}e:{cause}"

    def mark(self, cause: str) -> str:
        """The dedupe mark: the fingerprint of what was accepted under this id, for 24 h."""
        return f"{self._tag}d:{cause}"

    def idempotency(self, digest: str) -> str:
        return f"{self._tag}i:{digest}"

    def run(self, run: str) -> str:
        """Hash: where the run stands."""
        return f"{self._tag}r:{run}"

    def attempts(self, run: str) -> str:
        """List: attempts that did not end well."""
        return f"{self._tag}a:{run}"

    def result(self, run: str) -> str:
        return f"{self._tag}o:{run}"

    def log(self, run: str) -> str:
        """List: lines that the handler logged."""
        return f"{self._tag}l:{run}"

    def children(self, run: str) -> str:
        """Sorted set of the causes that a run's handler brought about: events and calls."""
        return f"{self._tag}children:{run}"

    def tries(self, address: str) -> str:
        """How often somebody at *address* tried to sign in with a wrong secret, for a minute."""
        return f"{self._tag}tries:{address}"

    def refused(self, source: str) -> str:
        """List: the newest deliveries of a webhook's source that were refused (JSON)."""
        return f"{self._tag}refused:{source}"

    def refused_in(self, source: str, minute: int) -> str:
        """How many deliveries of a source were refused in a minute, counted from the epoch."""
        return f"{self._tag}refused:{source}:{minute}"

    def process(self, member: str) -> str:
        """What a living process says of itself."""
        return f"{self._tag}p:{member}"

    def order(self, member: str) -> str:
        """What a living process is told to do, for a minute."""
        return f"{self._tag}order:{member}"


def cause_of(run: str) -> str:
    """Return the ledger id of the cause of a run."""
    return run.rpartition(".")[0]
