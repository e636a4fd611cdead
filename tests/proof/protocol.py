"""The protocol without a server: one event, two runs, two workers, one sweeper, and whatever may happen to them.

Every rule of the scripts that keeps it safe or alive has a name in RULES and can be left out, to see it missed.
One run's handler ends well or fails, and is tried twice; the other's kills its process whenever it runs.
"""

from collections.abc import Iterator
from typing import NamedTuple

RULES = (
    "one id, one set of runs",
    "only a pending run starts",
    "suspects run alone",
    "only what ran alone is charged",
    "only the holder ends a run",
    "an attempt ends once",
    "a late failure does not count",
    "what has ended is not looked at",
    "a living worker keeps its runs",
    "a dead worker loses its runs",
    "a lost hint is published again",
    "a retry gets a hint",
    "charges come to an end",
)
FLAKY, POISON = 0, 1
TRIES = CHARGES = 2  # failures, and deaths of its own process, that end a run: 2 show as much as 3
GHOST = 2  # holds what a dead process held
NOBODY = 3
ENDED = frozenset({"succeeded", "dead", "crash_loop"})


class Run(NamedTuple):
    state: str = ""
    holder: int = NOBODY  # whose token it bears
    finished: bool = False
    failures: int = 0
    charges: int = 0
    suspect: bool = False
    hinted: bool = False  # the broker has a hint, or several


class Job(NamedTuple):
    """What a worker does with a run. A job that is *revoked* goes on, but its lease is gone."""

    phase: str = ""
    alone: bool = False
    revoked: bool = False


Jobs = tuple[Job, Job]  # of one worker: what it does with either run


class World(NamedTuple):
    runs: tuple[Run, Run] = (Run(), Run())
    workers: tuple[Jobs, Jobs] = ((Job(), Job()), (Job(), Job()))


class Unsafe(Exception):
    """A state that must not be reached."""


def put(items: tuple, place: int, item) -> tuple:
    return (*items[:place], item, *items[place + 1 :])


def with_run(world: World, r: int, **changes) -> World:
    return world._replace(runs=put(world.runs, r, world.runs[r]._replace(**changes)))


def with_job(world: World, w: int, r: int, job: Job) -> World:
    return world._replace(workers=put(world.workers, w, put(world.workers[w], r, job)))


def ended(world: World, r: int, state: str, **changes) -> World:
    """Move a run to its end, once."""
    if world.runs[r].state in ENDED:
        raise Unsafe(f"run {r} ended as {world.runs[r].state} and now as {state}")
    if state == "crash_loop" and r != POISON:
        raise Unsafe("an innocent run died of another's crashes")
    return with_run(world, r, state=state, **changes)


class Protocol:
    """All that may happen next in a world, under all rules but those that are left *out*."""

    def __init__(self, *out: str) -> None:
        self.rules = frozenset(RULES) - set(out)

    def next(self, world: World) -> Iterator[World]:
        if not world.runs[0].state or "one id, one set of runs" not in self.rules:
            yield from self.accepted(world)
        if not world.runs[0].state:
            return
        for r, run in enumerate(world.runs):
            if run.hinted:
                yield with_run(world, r, hinted=False)  # the broker loses it
            yield from self.swept(world, r, run)
        for w, jobs in enumerate(world.workers):
            if any(job.phase for job in jobs):
                yield self.crashed(world, w)
            for r in range(2):
                yield from self.worked(world, w, r)

    def accepted(self, world: World) -> Iterator[World]:
        """The caller publishes all hints, some, or dies before."""
        if any(run.state in ENDED for run in world.runs):
            raise Unsafe("an event that has ended was accepted anew")
        for first in (False, True):
            for second in (False, True):
                yield world._replace(runs=(Run("pending", hinted=first), Run("pending", hinted=second)))

    def swept(self, world: World, r: int, run: Run) -> Iterator[World]:
        """The sweeper looks at a run; that it dies before it publishes is as if the broker loses the hint."""
        if run.state == "pending" and "a lost hint is published again" in self.rules:
            yield with_run(world, r, hinted=True)
        elif run.state == "retrying" and "a retry gets a hint" in self.rules:
            yield with_run(world, r, state="pending", hinted=True)
        elif run.state == "running":
            yield from self.recovered(world, r, run)
        elif run.state in ENDED and "what has ended is not looked at" not in self.rules:
            raise Unsafe(f"run {r} came back from {run.state}")

    def recovered(self, world: World, r: int, run: Run) -> Iterator[World]:
        """A dead worker loses its run, and so does one that lives and was silent; others keep theirs."""
        back = with_run(world, r, state="pending", suspect=True, hinted=True)
        if run.holder == GHOST:
            if "a dead worker loses its runs" in self.rules:
                yield back
            return
        job = world.workers[run.holder][r]
        yield with_job(back, run.holder, r, job._replace(revoked=True))
        if "a living worker keeps its runs" not in self.rules:
            yield back

    def crashed(self, world: World, w: int) -> World:
        """A worker is killed; another one starts in its place."""
        for r, run in enumerate(world.runs):
            if run.holder == w:
                world = with_run(world, r, holder=GHOST)
        return world._replace(workers=put(world.workers, w, (Job(), Job())))

    def worked(self, world: World, w: int, r: int) -> Iterator[World]:
        job, run = world.workers[w][r], world.runs[r]
        if not job.phase:
            yield from self.claimed(world, w, r, run) if run.hinted else ()
        elif job.phase == "child died":
            yield from self.charged(world, w, r, run)
        elif job.phase == "going":
            yield from self.ending(world, w, r, job, run)
            yield self.released(world, w, r, job, run)
        else:
            yield from self.sent(world, w, r, job, run)

    def ending(self, world: World, w: int, r: int, job: Job, run: Run) -> Iterator[World]:
        if r == FLAKY:
            yield from self.sent(world, w, r, job._replace(phase="well"), run)
            yield from self.sent(world, w, r, job._replace(phase="failed"), run)
        elif job.alone:
            yield with_job(world, w, r, job._replace(phase="child died"))
        else:
            yield self.crashed(self.all_charged(world, w), w)

    def all_charged(self, world: World, w: int) -> World:
        """Charge everything that a worker ran when it died: nobody does, but for a rule that is left out."""
        for r, run in enumerate(world.runs):
            if "only what ran alone is charged" not in self.rules and run.holder == w and run.state == "running":
                world = next(self.charged(world, w, r, run))
        return world

    def sent(self, world: World, w: int, r: int, job: Job, run: Run) -> Iterator[World]:
        """The end of an attempt is recorded; where the answer is lost it will be sent again."""
        after = self.finished(world, w, r, job, run)
        yield with_job(after, w, r, job._replace(revoked=True))
        yield with_job(after, w, r, Job())

    def claimed(self, world: World, w: int, r: int, run: Run) -> Iterator[World]:
        """A hint is followed; it may have been doubled, and then there is another."""
        if run.state != "pending" and "only a pending run starts" in self.rules:
            return
        if run.state in ENDED:
            raise Unsafe(f"run {r} started again after it was {run.state}")
        if any(jobs[r].phase and not jobs[r].revoked for jobs in world.workers):
            raise Unsafe(f"run {r} has two live leases")
        alone = run.suspect and "suspects run alone" in self.rules
        for another in (False, True):
            taken = with_run(world, r, state="running", holder=w, finished=False, hinted=another)
            yield with_job(taken, w, r, Job("going", alone))

    def released(self, world: World, w: int, r: int, job: Job, run: Run) -> World:
        """The worker stops and gives the run back; its thread may still come to an end."""
        if run.holder != w or run.finished or run.state != "running":
            return world
        return with_job(with_run(world, r, state="pending"), w, r, job._replace(revoked=True))

    def charged(self, world: World, w: int, r: int, run: Run) -> Iterator[World]:
        after = world
        if run.state == "running" and run.holder == w:
            charges = run.charges + 1
            if charges >= CHARGES and "charges come to an end" in self.rules:
                after = ended(world, r, "crash_loop", holder=NOBODY)
            else:
                after = with_run(world, r, state="retrying", charges=min(charges, CHARGES), holder=NOBODY, suspect=True)
        yield with_job(after, w, r, Job())

    def finished(self, world: World, w: int, r: int, job: Job, run: Run) -> World:
        if run.holder != w:
            if "only the holder ends a run" in self.rules:
                return world
            if run.state == "running" and run.holder != GHOST:
                raise Unsafe(f"run {r} was ended by a worker that lost it")
        if (run.state in ENDED or run.finished) and "an attempt ends once" in self.rules:
            return world
        if job.phase == "well":
            return ended(world, r, "succeeded", finished=True, suspect=False)
        if run.state != "running" and "a late failure does not count" in self.rules:
            return world
        failures = run.failures + 1
        if failures > TRIES:
            raise Unsafe(f"run {r} failed more often than it was tried")
        if run.state == "pending" and not run.finished:
            raise Unsafe(f"a run that was given back, {r}, was counted as failed")
        if failures == TRIES:
            return ended(world, r, "dead", failures=failures, finished=True, suspect=False)
        return with_run(world, r, state="retrying", failures=failures, finished=True, suspect=False)
