"""The run pipeline: claim, run, finish."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

from blinker import NamedSignal as Signal
from flask import Flask

from core import fibers, moments
from core.background import Background
from core.calling import Misfit
from core.catalog import Catalog, Task
from core.causes import Cause, Keyring, Tampered, UnknownKey, unsealed
from core.clock import from_ms, monotonic, now
from core.current import Current, bound
from core.deaths import Deaths
from core.errors import BacklogFull, Discard, LedgerUnavailable
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.running import Claim, Hint, claim, finish, release
from core.ledger.store import AsyncLedger, Ledger
from core.loop import Loop
from core.notes import Said
from core.outcomes import Ended, dead, discarded, failed, succeeded
from core.threads import Threads
from core.tokens import Tokens
from core.ways import Blocking, OnLoop, Way, finished

UNKNOWN_PAUSE = 60.0  # seconds until a run that this release cannot read is looked at again
UNKNOWN_LIMIT = 3600.0  # seconds until a run of a task that no release knows is dead

T = TypeVar("T")


@dataclass(kw_only=True)
class Runner:
    """Runs runs in this process. ``going`` maps the token of each attempt that is going on here to its run.

    Where several runs share the process, *isolate* takes those that must run alone.
    """

    app: Flask
    catalog: Catalog
    keys: Keys
    keyring: Keyring
    ledger: Ledger
    shared: AsyncLedger
    loop: Loop
    notes: Background[Said]
    publish: Callable[[Sequence[Hint]], None]
    deaths: Deaths
    worker: str
    isolate: Callable[[str], None] | None = None
    tokens: Tokens = field(default_factory=Tokens)
    going: dict[str, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def execute(self, run: str, token: str = "") -> str:
        """Follow one hint on this thread or this fiber; returns what came of it."""
        fiber = fibers.current()
        if fiber is None:
            return finished(self.follow(self.blocking, run, token))
        return fiber.complete(self.follow(self.on_loop(fiber.threads, fiber.light), run, token))

    async def follow(self, way: Way, run: str, token: str = "") -> str:
        """Follow one hint: claim the run, call its function, record how it ended. Returns what came of it."""
        token = token or self.tokens.new()
        claimed = await self._claim(way, run, token)
        if claimed is None:
            self.say(moments.refused, run=run, verdict="unreachable")
            return "unreachable"
        return await self.go_on(way, run, token, claimed)

    async def go_on(self, way: Way, run: str, token: str, claimed: Claim) -> str:
        """Do what follows a claim; returns what came of it."""
        if claimed.verdict == "SUSPECT" and self.isolate:
            self.isolate(run)
            return "isolated"
        if claimed.verdict != "OK":
            verdict = claimed.state or claimed.verdict
            self.say(moments.refused, run=run, verdict=verdict)
            return verdict
        self.going[token] = run
        try:
            if self.stopping.is_set():
                self.give_back({token: run})
                return "released"
            task = self.catalog.task(claimed.task)
            ended = self._unknown(claimed) if task is None else await self.attempt(way, task, run, token, claimed)
            return await self.close(way, run, token, claimed, ended)
        finally:
            self.going.pop(token, None)

    async def close(self, way: Way, run: str, token: str, claimed: Claim, ended: Ended | None) -> str:
        """Record how an attempt ended, or that the run has to wait for another worker; returns what came of it."""
        if ended is None:
            await self._recorded(way, lambda: release(self.keys, run, token, UNKNOWN_PAUSE))
            return "held"
        cause = unsealed(claimed.record) if ended.state == "dead" else None
        return await self._end(way, claimed.task, run, token, claimed.attempt, cause, ended)

    @cached_property
    def blocking(self) -> Way:
        """The way of a thread."""
        return Blocking(self.ledger, self.catalog, self.loop, self.stopping)

    def on_loop(self, threads: Threads, light: Callable[[], None]) -> Way:
        """Return the way of a run on the loop, whose sync functions run on *threads*."""
        return OnLoop(self.shared, self.catalog, threads, light)

    def release_all(self) -> int:
        """Give back, uncounted, what still runs here, as the worker stops; returns how many runs that were."""
        self.stopping.set()
        return self.give_back(dict(self.going))

    def give_back(self, going: dict[str, str]) -> int:
        """Give back, uncounted, the attempts *going* (token -> run); returns how many were still ours."""
        flows = [partial(release, self.keys, run, token) for token, run in going.items()]
        given = [hint for flow in flows if (hint := self.recorded(flow))]
        for hint in given:
            self.say(moments.released, run=hint.run)
        self.publish(given)
        return len(given)

    async def attempt(self, way: Way, task: Task, run: str, token: str, claimed: Claim) -> Ended | None:
        """Call the task's function; returns how that ended, or None where the run has to wait for another worker."""
        try:
            cause = self.keyring.open(claimed.record)
        except UnknownKey as error:
            self.say(moments.trouble, what=f"run {run} is held", error=error)
            return None
        except Tampered as error:
            return dead(error, "tampered")
        current = Current(id=run, task=task.name, attempt=claimed.attempt, cause=cause, note=self._noting(run, token))
        begun = monotonic()
        self.say(moments.started, task=task.name, run=run, attempt=claimed.attempt)
        ended: Ended | None = None
        try:
            with self.app.app_context(), bound(current):
                value = await way.call(task, cause)
                ended = succeeded(value, partial(current.note, ""))
        except Discard as discard:
            return discarded(discard, discard.reason)
        except Misfit as error:
            return dead(error, "schema_mismatch")
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends the attempt and not the worker
            if ended is None:
                return failed(task.options, claimed.failures + 1, error)
            self.say(moments.trouble, what=f"run {run} ended well, the teardown of its context did not", error=error)
        self.say(moments.succeeded, task=task.name, run=run, seconds=monotonic() - begun)
        return ended

    def end(self, task: str, run: str, token: str, attempt: int, cause: Cause | None, ended: Ended) -> str:
        """Record how the attempt under *token* ended, and tell of it; returns the state that the run ended in.

        *cause* is what a death is told with.
        """
        return finished(self._end(self.blocking, task, run, token, attempt, cause, ended))

    async def _end(
        self, way: Way, task: str, run: str, token: str, attempt: int, cause: Cause | None, ended: Ended
    ) -> str:
        told = self.deaths.tell(run, task, attempt, cause, ended.error) if ended.state == "dead" else None
        verdict = await self._recorded(
            way,
            lambda: finish(
                self.keys,
                run,
                token,
                ended.state,
                delay=ended.delay,
                error=ended.error,
                result=ended.result,
                told=told.acceptance if told else None,
            ),
        )
        if verdict == "OK" and told:
            self.publish(told.hints)
        self.tell(task, run, ended, verdict or "")
        return ended.state

    def tell(self, task: str, run: str, ended: Ended, verdict: str) -> None:
        """Say how an attempt ended whose end was recorded with *verdict*."""
        if verdict != "OK":
            self.say(moments.refused, run=run, verdict=f"{ended.state} came late")
        elif ended.state == "retrying":
            self.say(moments.retried, task=task, run=run, error=ended.reason, delay=ended.delay)
        elif ended.state == "discarded":
            self.say(moments.discarded, task=task, run=run, reason=ended.reason)
        elif ended.state == "dead":
            self.say(moments.failed, task=task, run=run, error=ended.error, reason=ended.reason)

    def _unknown(self, claimed: Claim) -> Ended | None:
        """A deploy may be under way: another worker may know the task. Not for ever, though."""
        if not claimed.held or (now() - from_ms(claimed.held)).total_seconds() < UNKNOWN_LIMIT:
            self.say(moments.trouble, what=f"no task is called {claimed.task} here; its run waits", error=None)
            return None
        advice = "Deploy it again, or give the task that took its place aliases=[...]."
        return dead(LookupError(f"No task is called {claimed.task!r}. {advice}"), "unknown_handler")

    async def _claim(self, way: Way, run: str, token: str) -> Claim | None:
        """Claim the run; None where the worker stops before the ledger answers.

        It never gives up before: a claim whose answer was lost may have been made, and a living worker's run
        comes back to nobody else.
        """
        while True:
            try:
                return await way.ask(claim(self.keys, run, token, self.worker, alone=self.isolate is None))
            except (LedgerUnavailable, BacklogFull) as error:
                self.say(moments.trouble, what=f"run {run} cannot be claimed", error=error)
                await way.rest(0.5)
                if self.stopping.is_set():
                    return None

    def recorded(self, flow: Callable[[], Flow[T]]) -> T | None:
        """Run a flow that records done work, until the ledger takes it: work that is done must not run again."""
        return finished(self._recorded(self.blocking, flow))

    async def _recorded(self, way: Way, flow: Callable[[], Flow[T]]) -> T | None:
        pause = 0.2
        while True:
            try:
                return await way.ask(flow())
            except asyncio.CancelledError:  # the function had its task cancelled and ended before that came
                if self.stopping.is_set():
                    raise
            except (LedgerUnavailable, BacklogFull) as error:
                self.say(moments.trouble, what="the end of a run cannot be recorded yet", error=error)
                await way.rest(pause)
                if self.stopping.is_set():
                    return None
                pause = min(pause * 2, 2.0)

    def say(self, moment: Signal, **said: Any) -> None:
        if not moment.receivers:
            return
        try:
            moment.send(self.app, **said)
        except Exception as error:  # noqa: BLE001 - a listener's fault is no reason to lose hold of a run
            with suppress(Exception):
                moments.listener_failed.send(self.app, listener=moment.name, error=error)

    def _noting(self, run: str, token: str) -> Callable[[str, str], None]:
        return lambda progress, line: self.notes.put([Said(run=run, token=token, progress=progress, line=line)])
