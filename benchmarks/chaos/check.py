"""The checker: what was promised against what was done."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.acceptance import AMBIGUOUS, UNSENT, Offer
from benchmarks.chaos.evidence import Line
from benchmarks.chaos.faults import Done

Key = tuple[str, str]


@dataclass
class Findings:
    """What became of a load. Runs are pairs of event and handler; times are seconds."""

    offered: int = 0
    acked: int = 0
    ambiguous: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    lost: list[Key] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    unexpected: list[Key] = field(default_factory=list)
    ended_twice: list[Key] = field(default_factory=list)
    started_again: list[Key] = field(default_factory=list)
    doubled: list[Key] = field(default_factory=list)
    untraced: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    unrecovered: int = 0
    waits: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    starts: Counter[Key] = field(default_factory=Counter)
    interrupted: int = 0


def check(
    offers: Mapping[str, Offer], lines: Sequence[Line], handlers: Sequence[str], faults: Iterable[Done] = ()
) -> Findings:
    """Compare the acceptance log with the evidence. Poisoned events (``how``) have to start, they cannot end.

    ``lost``: accepted, and never ended. ``half``: not accepted, but some of its handlers were started.
    ``ended_twice``: the work was done twice. ``started_again``: it was begun again after it was broken off.
    ``doubled``: two runs were made of one. ``untraced``: accepted, and not one handler ever started.
    """
    found = Findings(offered=len(offers))
    _answers(found, offers)
    ends = Counter(line.key for line in lines if line.what == "end")
    found.starts = Counter(line.key for line in lines if line.what == "start")
    begun: dict[str, set[str]] = defaultdict(set)
    for event, handler in found.starts:
        begun[event].add(handler)
    for event, offer in offers.items():
        seen = begun.get(event, set())
        done = found.starts if offer.how else ends
        if offer.accepted:
            found.lost += [(event, handler) for handler in handlers if not done[event, handler]]
            found.untraced += [event] if not seen else []
        elif 0 < len(seen) < len(handlers):
            found.half.append(event)
    found.unexpected = [key for key in found.starts if key[0] not in offers or _surely_refused(offers[key[0]])]
    found.ended_twice = [key for key, times in ends.items() if times > 1]
    found.started_again = [key for key, times in found.starts.items() if times > max(1, ends[key])]
    runs: dict[Key, set[str]] = defaultdict(set)
    for line in lines:
        runs[line.key].add(line.run)
    found.doubled = [key for key, names in runs.items() if len(names) > 1]
    _recoveries(found, lines, faults)
    _waits(found, offers, lines)
    return found


def _answers(found: Findings, offers: Mapping[str, Offer]) -> None:
    for offer in offers.values():
        found.acked += offer.accepted
        found.ambiguous += offer.ambiguous
        for status, seconds, _ in offer.answers:
            if status != UNSENT:
                found.answers.append(seconds)
            if status not in (AMBIGUOUS, 202):
                found.refused[status] += 1


def _surely_refused(offer: Offer) -> bool:
    return not offer.accepted and not offer.ambiguous


def _recoveries(found: Findings, lines: Sequence[Line], faults: Iterable[Done]) -> None:
    """Measure how long it took until broken off work was begun again."""
    deaths = {
        (pid, fault.time): fault.time for fault in faults if fault.action.startswith("kill") for pid in fault.pids
    }
    by_pid: dict[int, list[float]] = defaultdict(list)
    for (pid, _), at in deaths.items():
        by_pid[pid].append(at)
    open_attempts = {(line.run, line.attempt, line.pid): line for line in lines if line.what == "start"}
    for line in lines:
        if line.what == "end":
            open_attempts.pop((line.run, line.attempt, line.pid), None)
    starts: dict[Key, list[float]] = defaultdict(list)
    for line in lines:
        if line.what == "start":
            starts[line.key].append(line.time)
    for line in open_attempts.values():
        death = min((at for at in by_pid.get(line.pid, ()) if at >= line.time), default=None)
        if death is None:
            continue
        found.interrupted += 1
        again = min((at for at in starts[line.key] if at > death), default=None)
        if again is None:
            found.unrecovered += 1
        else:
            found.recoveries.append(again - death)


def _waits(found: Findings, offers: Mapping[str, Offer], lines: Sequence[Line]) -> None:
    """Measure how long accepted runs waited for their first start."""
    first: dict[Key, float] = {}
    for line in lines:
        if line.what == "start":
            first[line.key] = min(line.time, first.get(line.key, line.time))
    for (event, _), at in first.items():
        offer = offers.get(event)
        if offer is not None and offer.accepted and not offer.how:
            found.waits.append(max(0.0, at - offer.accepted_at))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that *share* of all values do not exceed; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
