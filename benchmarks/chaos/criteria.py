"""What has to be true after a scenario. Each function returns or makes a criterion."""

from collections.abc import Sequence

from benchmarks.chaos.acceptance import ACCEPTED
from benchmarks.chaos.check import quantile
from benchmarks.chaos.scenario import Criterion, Outcome
from benchmarks.chaos.work import HANDLERS


def kept(outcome: Outcome) -> str:
    """Nothing accepted is lost, stuck, half or from nowhere; the ledger is whole."""
    found, ledger = outcome.findings, outcome.ledger
    counts: dict[str, Sequence[object]] = {
        "lost": found.lost,
        "half": found.half,
        "unexpected": found.unexpected,
        "doubled": found.doubled,
    }
    if ledger is not None:
        counts |= {
            "false 202": ledger.unrecorded,
            "half in the ledger": ledger.half,
            "invariants broken": ledger.broken,
            "terminal twice": ledger.ended_twice,
        }
    said = [f"{len(items)} {what} (e.g. {items[0]})" for what, items in counts.items() if items]
    said += [f"{outcome.stuck} stuck"] if outcome.stuck else []
    said += [] if outcome.alive_after else ["an event offered at the end was not done"]
    return ", ".join(said)


def struck(outcome: Outcome) -> str:
    """The kills hit processes, else the scenario proved nothing."""
    kills = [fault for fault in outcome.faults if fault.action.startswith("kill") and fault.target != "server"]
    missed = [fault for fault in kills if not fault.pids]
    return f"{len(missed)} of {len(kills)} kills hit nothing" if 2 * len(missed) > len(kills) else ""


def done_once(outcome: Outcome) -> str:
    """No work is done twice."""
    found = outcome.findings.ended_twice
    return f"{len(found)} done twice (e.g. {found[0]})" if found else ""


def never_restarted(outcome: Outcome) -> str:
    """No work is begun twice."""
    found = outcome.findings.started_again
    return f"{len(found)} begun again (e.g. {found[0]})" if found else ""


def rarely_twice(share: float = 0.005) -> Criterion:
    """At most this share of runs is done twice."""

    def check(outcome: Outcome) -> str:
        times = len(outcome.findings.ended_twice)
        return f"{times} of {outcome.runs} runs done twice" if times > share * max(outcome.runs, 1) else ""

    return check


def recovers(longest: float, share: float = 1.0) -> Criterion:
    """Work that was broken off is begun again within so many seconds."""

    def check(outcome: Outcome) -> str:
        found = quantile(outcome.findings.recoveries, share)
        again = f"{outcome.findings.unrecovered} never begun again" if outcome.findings.unrecovered else ""
        return again or (f"recovery took {found:.1f} s, wanted {longest:g}" if found > longest else "")

    return check


def waits(longest: float, share: float = 1.0) -> Criterion:
    """Accepted runs start within so many seconds."""

    def check(outcome: Outcome) -> str:
        found = quantile(outcome.findings.waits, share)
        return f"a run waited {found:.1f} s for its start, wanted {longest:g}" if found > longest else ""

    return check


def holds_up(least: float) -> Criterion:
    """Where all was accepted, some run had to wait so many seconds for its start, else the scenario proved nothing."""

    def check(outcome: Outcome) -> str:
        found = max(outcome.findings.waits, default=0.0)
        proved = found >= least or never_refused(outcome)
        return "" if proved else f"no run waited longer than {found:.1f} s: nothing was proved"

    return check


def drains(longest: float) -> Criterion:
    """All is done so many seconds after the load."""

    def check(outcome: Outcome) -> str:
        return f"drained in {outcome.drain:.0f} s, wanted {longest:g}" if outcome.drain > longest else ""

    return check


def nobody_exits(outcome: Outcome) -> str:
    """No process ends by itself."""
    if not outcome.exits:
        return ""
    return f"{len(outcome.exits)} exits, e.g. {outcome.exits[0].name} with {outcome.exits[0].code}"


def answers_within(usual: float, longest: float) -> Criterion:
    """p99 and maximum of the time until an answer, in seconds."""

    def check(outcome: Outcome) -> str:
        found = outcome.findings.answers
        p99, most = quantile(found, 0.99), max(found, default=0)
        return f"answers took p99 {p99:.2f} s, max {most:.2f} s" if p99 > usual or most > longest else ""

    return check


def accepts_again(action: str, longest: float) -> Criterion:
    """The first 202 comes at most so many seconds after *action* has ended what stood in the way."""

    def check(outcome: Outcome) -> str:
        accepted = sorted(at for o in outcome.offers.values() for status, _, at in o.answers if status == ACCEPTED)
        for healed in outcome.times(action):
            first = next((at for at in accepted if at > healed), None)
            if first is None or first - healed > longest:
                return f"the first 202 came {'never' if first is None else f'{first - healed:.1f} s'} after {action}"
        return ""

    return check


def amplifies(most: float, least: float = 0.0) -> Criterion:
    """Hints per run that were published."""

    def check(outcome: Outcome) -> str:
        if outcome.ledger is None:
            return ""
        found = outcome.ledger.hints / max(1, len(outcome.ledger.runs))
        return "" if least <= found <= most else f"{found:.3f} hints a run, wanted {least:g} to {most:g}"

    return check


def never_refused(outcome: Outcome) -> str:
    """Every offer is accepted in the end."""
    missing = outcome.findings.offered - outcome.findings.acked
    return f"{missing} offers were never accepted" if missing else ""


def refuses(status: int = 503) -> Criterion:
    """Some offers were answered with *status*, else the scenario proved nothing."""

    def check(outcome: Outcome) -> str:
        return "" if outcome.statuses()[status] else f"nobody was answered {status}: nothing was proved"

    return check


def crash_loops(charges: int = 3) -> Criterion:
    """Each poisoned run is dead after so many charges; nobody else is dead.

    A few starts more are fine: the first death is nobody's, and others may kill the worker around a suspect.
    """

    def check(outcome: Outcome) -> str:
        poisoned = {event for event, offer in outcome.offers.items() if offer.how and offer.accepted}
        started = outcome.findings.starts
        starts = {started[event, HANDLERS[0]] for event in poisoned if (event, HANDLERS[0]) in started}
        odd = {times for times in starts if not charges <= times <= 2 * charges}
        said = [f"poisoned runs were started {sorted(odd)} times, wanted {charges} to {2 * charges}"] if odd else []
        if (ledger := outcome.ledger) is not None:
            charged = [run for run in ledger.dead if ledger.runs[run].get("charges") == str(charges)]
            if not len(charged) == len(ledger.dead) == len(poisoned):
                said.append(f"{len(ledger.dead)} runs are dead, {len(charged)} charged, wanted {len(poisoned)}")
        return ", ".join(said)

    return check


def stays_lean(share: float = 0.10) -> Criterion:
    """No process grows by more than *share* of what it took a minute after its start."""

    def check(outcome: Outcome) -> str:
        early, late = outcome.resident
        grown = {name: late.get(name, 0) / kb - 1 for name, kb in early.items() if kb}
        fat = [f"{name} +{more:.0%}" for name, more in grown.items() if more > share]
        return f"memory grew: {', '.join(fat)}" if fat else ""

    return check
