"""Checks of what works: broker, result backend, processes, schedules, queues, what is open."""

from collections.abc import Callable, Sequence

from core.doctor.facts import Facts, Finding, Level, Probe
from core.ledger.keys import WAITING
from core.wording import counted, duration, waiting

CLOSE = 0.8  # share of BACKLOG_LIMIT from which on it is worth a look
NAMED = 3  # names that a sentence holds
START = "Start one with make run, or {0}; /dashboard/workers shows them."


def broker(facts: Facts) -> Finding:
    """Can hints be sent."""
    lost = "Hints wait, and runs with them; nothing is lost. Check CELERY_BROKER_URL and the broker."
    return _probed("broker", facts.broker, "bad", lost)


def results(facts: Facts) -> Finding:
    """Can results of plain Celery tasks be kept."""
    lost = "Plain Celery tasks cannot say what they returned. Check CELERY_RESULT_BACKEND and the server behind it."
    return _probed("results", facts.backend, "warn", lost)


def _probed(name: str, probe: Probe, level: Level, advice: str) -> Finding:
    if probe.trouble:
        return Finding(name, level, f"{probe.what} does not answer ({probe.trouble.rstrip('.')}).", advice)
    return Finding(name, "ok", f"{probe.what} answers.")


def workers(facts: Facts) -> Finding:
    """Is somebody there to take runs."""
    found = _fresh(facts, "workers", "celery -A core.main:celery worker")
    alive = [one for one in facts.processes if one.role == "worker"]
    if found.level == "ok" and not any(one.takes for one in alive):
        return Finding("workers", "warn", "Every worker is quiet or stops.", "flask workers resume --all")
    stuck = sum(int(one.info.get("stuck") or 0) for one in alive)
    if found.level == "ok" and stuck:
        fact = f"{counted(stuck, 'function')} outlived the timeout and cannot be ended."
        return Finding(
            "workers", "warn", fact, "A worker renews itself when all its threads are stuck, or: flask workers stop"
        )
    return found


def sweeper(facts: Facts) -> Finding:
    """Does somebody find what was lost on the way."""
    return _fresh(facts, "sweeper", "celery -A core.main:celery worker")


def beat(facts: Facts) -> Finding:
    """Does somebody fire the schedules."""
    return _fresh(facts, "beat", "celery -A core.main:celery beat")


def _fresh(facts: Facts, name: str, command: str) -> Finding:
    check = facts.readiness.get(name, {"ok": False, "detail": "Not known."})
    return (
        Finding(name, "ok", check["detail"])
        if check["ok"]
        else Finding(name, "bad", check["detail"], START.format(command))
    )


def schedules(facts: Facts) -> Finding:
    """Do all schedules fire."""
    check = facts.readiness.get("schedules", {"ok": True, "detail": "No planned time is overdue."})
    if not check["ok"]:
        return Finding(
            "schedules", "bad", check["detail"], "flask schedules list shows them; look whether beat is fresh."
        )
    if facts.held_count:
        fact = f"{_named(facts.held, facts.held_count)} held: {_these(facts.held_count)} cannot be fired as written."
        return Finding("schedules", "warn", fact, "flask schedules show NAME tells why; change or delete it.")
    return Finding("schedules", "ok", f"{check['detail'].rstrip('.')}, and none is held.")


def _these(count: int) -> str:
    return "it" if count == 1 else "they"


def queues(facts: Facts) -> Finding:
    """Does somebody take runs from each queue."""
    idle = [row for row in facts.queues if not row["workers"]]
    if not idle:
        return Finding("queues", "ok", f"Each of {len(facts.queues)} queues is served.")
    waits = sum(sum(row[state] for state in WAITING) for row in idle)
    names = _named([row["queue"] for row in idle], len(idle))
    fact = f"{names} served by nobody; {waiting(waits)} there."
    return Finding("queues", "bad" if waits else "warn", fact, "/dashboard/queues says why and what to do for each.")


def _named(names: Sequence[str], count: int) -> str:
    shown = names[:NAMED]
    more = f" and {count - len(shown):,} more" if count > len(shown) else ""
    return f"{', '.join(shown)}{more} {'is' if count == 1 else 'are'}"


def tasks(facts: Facts) -> Finding:
    """Do workers know the tasks that this process knows."""
    told = [one for one in facts.processes if one.role == "worker" and one.info.get("catalog")]
    other = [one.id for one in told if one.info["catalog"] != facts.catalog]
    if not other:
        return Finding("tasks", "ok", "All workers that are alive know the same tasks as this process.")
    fact = f"{_named(other, len(other))} of a release with other tasks than this process."
    advice = "While a deploy goes on that is as it should be. If it stays so: flask workers stop, to be started again."
    return Finding("tasks", "warn", fact, advice)


def backlog(facts: Facts) -> Finding:
    """Is there room for more runs."""
    limit = facts.config.backlog_limit
    fact = f"{facts.open:,} runs are open; BACKLOG_LIMIT is {limit:,}."
    if facts.open >= limit:
        return Finding("backlog", "bad", fact, "Nothing new is accepted. Start workers, or raise it if memory allows.")
    if facts.open >= CLOSE * limit:
        return Finding("backlog", "warn", fact, "Start workers, or raise it if memory allows.")
    longest = max((row["wait"] or 0 for row in facts.queues), default=0)
    return Finding(
        "backlog", "ok", f"{fact} The oldest run that is due waits for {duration(longest)}." if longest else fact
    )


CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    broker,
    results,
    workers,
    sweeper,
    beat,
    schedules,
    queues,
    tasks,
    backlog,
)
