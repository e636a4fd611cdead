"""Which runs are wanted, and whether one is."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.events import matches
from core.ledger.flow import Flow
from core.ledger.keys import Keys, cause_of
from core.ledger.paths import Sought, holding
from core.ledger.views import Json


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs; an empty field takes all.

    ``task`` is a name or a pattern such as ``handlers.github.*``. ``event`` is a type, a pattern or an event's id. The
    data of the run's cause hold each value of ``data``.
    """

    states: Sequence[str] = ()
    task: str = ""
    event: str = ""
    schedule: str = ""
    queue: str = ""
    data: Sequence[Sought] = ()

    @property
    def exact_task(self) -> str:
        """The task, if it is no pattern."""
        return "" if "*" in self.task else self.task

    @property
    def exact_event(self) -> str:
        """The event's type or id, if it is no pattern."""
        return "" if "*" in self.event else self.event

    @property
    def by_index(self) -> bool:
        """Whether one index has just what is wanted, so that nothing has to be left out."""
        given = [self.states, self.task, self.event, self.schedule, self.queue]
        return not self.data and sum(map(bool, given)) < 2 and "*" not in self.task + self.event


def fits(view: Json, wanted: RunFilter, *, of_event: bool = False) -> bool:
    """Tell whether a run is wanted, whatever its data; *of_event* says that it is known to be of the event."""
    event, fire = view["event"] or {}, view["fire"] or {}
    return (
        (not wanted.states or view["state"] in wanted.states)
        and (not wanted.task or matches(wanted.task, view["task"]))
        and wanted.queue in ("", view["queue"])
        and (of_event or _is_of(event, wanted.event))
        and (not wanted.schedule or fire.get("schedule") == wanted.schedule)
    )


def _is_of(event: Json, wanted: str) -> bool:
    return not wanted or wanted == event.get("id") or matches(wanted, event.get("type", ""))


def with_data(keys: Keys, runs: Sequence[str], wanted: Sequence[Sought]) -> Flow[list[str]]:
    """Return those of *runs* whose causes' data hold all that is *wanted*."""
    if not wanted:
        return list(runs)
    held, left = set[str](), list(dict.fromkeys(map(cause_of, runs)))
    while left:
        found, count, _ = yield from holding(keys, left, wanted)
        held, left = held | found, left[count:]
    return [run for run in runs if cause_of(run) in held]
