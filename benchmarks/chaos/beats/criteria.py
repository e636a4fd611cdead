"""What has to be true after a scenario of schedules. Each function returns or makes a criterion."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.chaos.beats.entries import FIRST
from benchmarks.chaos.beats.scenario import Criterion, Outcome
from benchmarks.chaos.check import quantile


def exact(outcome: Outcome) -> str:
    """Each planned time is fired, skipped or missed, once; each run that was fired is done, once."""
    found = outcome.account
    counts: dict[str, Sequence[object]] = {
        "lost": found.lost,
        "fired that were not due": found.odd,
        "fired and not done": found.undone,
        "doubled": found.doubled,
    }
    said = [f"{len(items)} {what} (e.g. {items[0]})" for what, items in counts.items() if items]
    said += [found.counts] if found.counts else []
    said += [f"{outcome.stuck} runs are not at an end"] if outcome.stuck else []
    return ", ".join(said)


def fires_all(outcome: Outcome) -> str:
    """Nothing is skipped or missed."""
    found = outcome.account
    left = len(found.skipped) + len(found.missed)
    return f"{left} were skipped or missed (e.g. {next(iter(found.skipped | found.missed))})" if left else ""


def struck(outcome: Outcome) -> str:
    """What was to be killed or stopped was there, else the scenario proved nothing."""
    blows = [fault for fault in outcome.faults if fault.action in ("kill_a_beat", "stop_leader")]
    missed = [fault for fault in blows if not fault.pids]
    return f"{len(missed)} of {len(blows)} kills hit nothing" if 2 * len(missed) > len(blows) else ""


def nobody_exits(outcome: Outcome) -> str:
    """No process ends by itself."""
    ends = Counter(f"{one.name} with {one.code}" for one in outcome.exits)
    return f"exits: {', '.join(f'{name}, {times} times' for name, times in ends.items())}" if ends else ""


def never_idle(longest: float) -> Criterion:
    """No entry goes longer without a start than its interval and so many seconds."""

    def check(outcome: Outcome) -> str:
        worst = max(outcome.account.gaps, default=0.0)
        return (
            f"an entry stood still {worst:.1f} s longer than its interval, wanted {longest:g}"
            if worst > longest
            else ""
        )

    return check


def punctual(longest: float, share: float = 0.99) -> Criterion:
    """This share of the runs starts at most so many seconds after its planned time."""

    def check(outcome: Outcome) -> str:
        late = quantile(list(outcome.account.lates.values()), share)
        return f"{share:.0%} started at most {late:.2f} s late, wanted {longest:g}" if late > longest else ""

    return check


def catches_up(outcome: Outcome) -> str:
    """Of the time without a beat, ``skip`` runs none, ``latest`` one and ``all`` all planned times."""
    said, found = [], outcome.account
    for since, until in outcome.down:
        for entry in outcome.scenario.entries:
            due = entry.due(since, until)
            wanted = {"skip": 0, "latest": 1, "all": len(due)}[entry.catch_up]
            fired = sum((entry.name, at) in found.fired for at in due)
            left = found.missed if entry.catch_up == "skip" else found.skipped
            passed = sum((entry.name, at) in left for at in due)
            if (fired, passed) != (wanted, len(due) - wanted):
                said.append(f"{entry.name}: {fired} of {len(due)} fired, {passed} passed over, wanted {wanted} fired")
    return "; ".join(said) or ("" if outcome.down else "no beat was down: nothing was proved")


def answers_at_once(longest: float) -> Criterion:
    """What was made over the API while beat slept starts at most so many seconds after its planned time."""

    def check(outcome: Outcome) -> str:
        found = outcome.account.lates
        missing = [name for name, planned in outcome.asked if (name, planned) not in found]
        worst = max((found[one] for one in outcome.asked if one in found), default=0.0)
        said = [f"{len(missing)} never started"] if missing else []
        said += [f"one started {worst:.2f} s late, wanted {longest:g}"] if worst > longest else []
        return ", ".join(said) or ("" if outcome.asked else "none was made: nothing was proved")

    return check


def held_with_reasons(outcome: Outcome) -> str:
    """Each hostile entry that has a name is held, with a reason; none of their targets ran."""
    unheld = [name for name in outcome.wild if not outcome.held.get(name)]
    known = {FIRST.name, *(entry.name for entry in outcome.scenario.entries)}
    ran = {line.event for line in outcome.lines if line.event.rpartition("@")[0] not in known}
    said = [f"{len(unheld)} of {len(outcome.wild)} are not held (e.g. {unheld[0]})"] if unheld else []
    said += [f"{len(ran)} hostile targets ran (e.g. {next(iter(ran))})"] if ran else []
    return ", ".join(said) or ("" if outcome.wild else "nothing hostile was there: nothing was proved")
