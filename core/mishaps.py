"""What a worker does when a process of its own, in which one run ran alone, has died or was killed."""

from core import moments
from core.calling import HandlerTimeout
from core.ledger.running import Facts, charge, run_facts
from core.outcomes import error_json, failed
from core.tasks import Runner


class ProcessDied(Exception):
    """The process died in which the run ran alone."""


def crashed(runner: Runner, run: str, how: str, token: str = "") -> None:
    """Charge a run for the death of its process. One that has ended, or is not held under *token*, is left alone."""
    facts = _going(runner, run, token)
    if facts is None:
        return
    error, last = (error_json(ProcessDied(how), reason) for reason in ("", "crash_loop"))
    third = facts.charges >= 2
    told = runner.deaths.tell(run, facts.task, facts.attempt, facts.cause, last) if third else None
    charged = runner.recorded(
        lambda: charge(
            runner.keys, run, runner.worker, error, last, token=facts.token, told=told.acceptance if told else None
        )
    )
    if charged is None or charged[0] in ("LATE", "GONE"):
        return
    state, hint = charged
    if state == "dead":
        runner.say(moments.failed, task=facts.task, run=run, error=last, reason="crash_loop")
    else:
        runner.say(moments.crashed, task=facts.task, run=run, how=how)
    runner.publish([hint] if hint else told.hints if told and state == "dead" else [])


def timed_out(runner: Runner, run: str, limit: float) -> None:
    """Record that a run's process was killed at its time limit of *limit* seconds: a failure as if it was raised."""
    facts = _going(runner, run)
    task = runner.catalog.task(facts.task) if facts else None
    if facts is None or task is None:
        return
    error = HandlerTimeout(f"it did not end within the time limit of {limit:g} s; its process was killed")
    ended = failed(task.options, facts.failures + 1, error)
    runner.end(facts.task, run, facts.token, facts.attempt, facts.cause, ended)


def _going(runner: Runner, run: str, token: str = "") -> Facts | None:
    facts = runner.recorded(lambda: run_facts(runner.keys, run))
    return facts if facts and facts.state == "running" and token in ("", facts.token) else None
