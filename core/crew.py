"""Runs of a worker, by the batch: what came together is claimed together, what ended together is recorded together.

A run whose function is sync goes to a thread as a whole, and needs no task of the loop. Whatever is out of the ordinary
(the ledger is away, the run is dead, unknown or held) goes through the pipeline of one run, ``Runner.follow``.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

from core import moments
from core.catalog import Task
from core.gathering import Gathering
from core.ledger.running import Claim, End, claim_all, finish_all
from core.outcomes import Ended
from core.room import Place, Room
from core.tasks import Runner
from core.threads import Threads
from core.ways import Beside, OnLoop, finished


@dataclass(slots=True)
class Job:
    """A run that was claimed for its *place*."""

    run: str
    token: str
    place: Place
    claimed: Claim
    task: Task


class Crew:
    """Follows hints on the loop of *runner*; sync functions run on *threads*, each in its place of *room*."""

    def __init__(self, runner: Runner, room: Room, threads: Threads) -> None:
        self._runner, self._room, self._threads = runner, room, threads
        self._hints = Gathering[tuple[str, Place]](self._claim)
        self._ends = Gathering[tuple[Job, Ended]](self._record)
        self._back: deque[tuple[Job, Ended | None]] = deque()  # from threads
        self._called = False
        self._alone: set[asyncio.Task[None]] = set()
        self._async: set[str] = set()  # tasks whose functions turned out to be async when they were called
        self._beside = Beside(runner.ledger, runner.catalog, runner.loop, runner.stopping, self._async.add)

    def follow(self, run: str, place: Place) -> None:
        """Follow a hint for which there is a place; to be called on the loop."""
        self._hints.put((run, place))

    async def _claim(self, hints: Sequence[tuple[str, Place]]) -> None:
        runner = self._runner
        wanted = [(run, runner.tokens.new()) for run, _ in hints]
        claims: Sequence[Claim | None]
        try:
            alone = runner.isolate is None
            claims = await runner.shared.run_here(claim_all(runner.keys, wanted, runner.worker, alone=alone))
        except Exception:  # noqa: BLE001 - each run meets it again by itself, and tells of it
            claims = [None] * len(wanted)
        jobs = [
            job
            for (run, token), (_, place), claimed in zip(wanted, hints, claims, strict=True)
            if (job := self._job(run, token, place, claimed))
        ]
        self._room.lighten([job.place for job in jobs if job.task.is_async])
        on_threads = []
        for job in jobs:
            if self._belongs_on_loop(job.task):
                self._start(self._attempt(job))
            else:
                on_threads.append(partial(self._work, job))
        self._threads.submit(*on_threads)

    def _job(self, run: str, token: str, place: Place, claimed: Claim | None) -> Job | None:
        """Return what is to be done by the batch; what is not is begun."""
        if claimed is None or claimed.verdict == "ERROR":
            self._start(self._by_itself(run, place, self._runner.follow(self._way(place), run, token)))
            return None
        task = None
        if claimed.verdict == "OK":
            self._runner.going[token] = run  # before one looks whether the worker stops: it gives back what is here
            task = self._runner.catalog.task(claimed.task)
        if task is None or self._runner.stopping.is_set():
            self._start(self._by_itself(run, place, self._runner.go_on(self._way(place), run, token, claimed)))
            return None
        return Job(run, token, place, claimed, task)

    def _belongs_on_loop(self, task: Task) -> bool:
        return task.is_async or task.options.timeout is not None or task.name in self._async

    async def _attempt(self, job: Job) -> None:
        try:
            ended = await self._runner.attempt(self._way(job.place), job.task, job.run, job.token, job.claimed)
        except BaseException as error:  # noqa: BLE001 - the run comes back; the loop must outlive what is odd
            self._odd(job.run, error)
            self._leave([job])
        else:
            self._ended(job, ended)

    def _work(self, job: Job) -> None:
        """Make an attempt on this thread."""
        attempt = self._runner.attempt(self._beside, job.task, job.run, job.token, job.claimed)
        try:
            found = job, copy_context().run(finished, attempt)
        except BaseException as error:  # noqa: BLE001 - the thread must outlive what is odd
            self._odd(job.run, error)
            with suppress(RuntimeError):  # the loop has ended
                self._runner.loop.soon(self._leave, [job])
            return
        self._back.append(found)
        if not self._called:  # one wake-up of the loop is enough for all that are done by then
            self._called = True
            with suppress(RuntimeError):
                self._runner.loop.soon(self._collect)

    def _collect(self) -> None:
        self._called = False
        back = [self._back.popleft() for _ in range(len(self._back))]
        self._room.lighten([job.place for job, _ in back])
        for job, ended in back:
            self._ended(job, ended)

    def _ended(self, job: Job, ended: Ended | None) -> None:
        if ended is None or ended.state == "dead":
            self._start(self._recorded(job, ended))
        else:
            self._ends.put((job, ended))

    async def _record(self, ends: Sequence[tuple[Job, Ended]]) -> None:
        runner = self._runner
        wanted = [End(job.run, job.token, e.state, e.delay, e.error, e.result) for job, e in ends]
        try:
            verdicts = await runner.shared.run_here(finish_all(runner.keys, wanted))
        except Exception:  # noqa: BLE001 - each run meets it again by itself, and tells of it
            for job, ended in ends:
                self._start(self._recorded(job, ended))
            return
        left = []
        for (job, ended), verdict in zip(ends, verdicts, strict=True):
            if verdict == "ERROR":
                self._start(self._recorded(job, ended))
            else:
                left.append(job)
                runner.tell(job.task.name, job.run, ended, verdict)
        self._leave(left)

    async def _recorded(self, job: Job, ended: Ended | None) -> None:
        try:
            await self._runner.close(self._way(job.place), job.run, job.token, job.claimed, ended)
        except BaseException as error:  # noqa: BLE001 - the loop must outlive what is odd
            self._odd(job.run, error)
        finally:
            self._leave([job])

    async def _by_itself(self, run: str, place: Place, pipeline: Coroutine[Any, Any, str]) -> None:
        try:
            await pipeline
        except BaseException as error:  # noqa: BLE001 - the run comes back; the loop must outlive what is odd
            self._odd(run, error)
        finally:
            place.leave()

    def _leave(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._runner.going.pop(job.token, None)
        self._room.leave([job.place for job in jobs])

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._alone.add(task)
        task.add_done_callback(self._alone.discard)

    def _way(self, place: Place) -> OnLoop:
        return OnLoop(self._runner.shared, self._runner.catalog, self._threads, place.needs_no_thread)

    def _odd(self, run: str, error: BaseException) -> None:
        self._runner.say(moments.trouble, what=f"run {run} ended in an odd way", error=error)
