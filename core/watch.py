"""In development: who blocks the event loop, where and for how long. A thread looks at the loop's thread for that.

The loop itself does nothing for it, and without a watch there is nothing.
"""

import asyncio
import sys
import threading
from asyncio.events import Handle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask, request, request_started

from core.clock import monotonic, thread_clock
from core.current import current_in
from core.fibers import Fiber
from core.queue import carried

EVERY = 0.02  # seconds between two looks
TOO_LONG = 0.1  # seconds
STILL = 5.0  # seconds after which a block is told of before it is over
AGAIN = 60.0  # seconds until the same place is told of again
CORE = Path(__file__).absolute().parent
INSTALLED = {"site-packages", "dist-packages"}
STEPS = (Handle._run.__code__, Fiber._step.__code__)  # noqa: SLF001 - in each of their frames one step of the loop runs

_view: ContextVar[str] = ContextVar("carillon_view", default="")

Tell = Callable[[str, str, float], None]


@dataclass
class Block:
    """One step of the loop that goes on; *frame* is what only this step has."""

    frame: FrameType
    since: float
    who: str = ""
    places: Counter[str] = field(default_factory=Counter)


class Watch:
    """Tells of each step of a loop that takes too long: *tell* gets who, where (file:line) and the seconds.

    Where is the place it was seen at most often, in the innermost frame of a file in *folders*; *who* names what runs
    in a context, or says ''.
    """

    def __init__(self, folders: Iterable[Path], who: Callable[[Context], str], tell: Tell) -> None:
        self._folders = tuple(folders)
        self._who = who
        self._tell = tell
        self._told: dict[str, float] = {}
        self._users: dict[str, bool] = {}  # file name -> whether it is one of the user's

    def begin(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        """Watch *loop*, which runs on the thread *ident* that lives now, until it is closed."""
        ours = (loop, ident, thread_clock(ident))
        threading.Thread(target=self._serve, args=ours, name="carillon-watch", daemon=True).start()

    def _serve(self, loop: asyncio.AbstractEventLoop, ident: int, seconds: Callable[[], float]) -> None:
        pause, block = threading.Event(), None
        looked, used = monotonic(), seconds()
        while not loop.is_closed():
            pause.wait(EVERY)
            now, uses = monotonic(), seconds()
            # Some calls, such as a long regular expression, keep all other threads from running, this one too.
            kept = uses - used > max(TOO_LONG, (now - looked) / 4)
            block = self._look(loop, ident, block, now, looked if kept else now)
            looked, used = now, uses

    def _look(
        self, loop: asyncio.AbstractEventLoop, ident: int, block: Block | None, now: float, since: float
    ) -> Block | None:
        frames = list(_outwards(sys._current_frames().get(ident)))  # noqa: SLF001 - the only way to see a thread
        step = self._step(frames)
        if block and block.frame is not step:
            self._over(block, now)
            block = None
        if step is None:
            return None
        block = block or Block(step, since)
        if now - block.since > TOO_LONG / 5:  # most steps are over by then
            block.places[self._place(frames)] += 1
            block.who = block.who or self._named(loop, step)
        if now - block.since > STILL:
            self._over(block, now)
        return block

    def _over(self, block: Block, now: float) -> None:
        if now - block.since < TOO_LONG or not block.places:
            return
        where = block.places.most_common(1)[0][0]
        if now - self._told.get(where, -AGAIN) < AGAIN:
            return
        self._told[where] = now
        with suppress(Exception):  # the watch goes on, whatever a listener raises
            self._tell(block.who, where, now - block.since)

    def _step(self, frames: list[FrameType]) -> FrameType | None:
        """Return the frame that the present step has for itself; a fiber has other steps than coroutines, too."""
        if found := next((frame for frame in frames if frame.f_code in STEPS), None):
            return found
        return next((frame for frame in reversed(frames) if self._is_users(frame)), None)

    def _place(self, frames: list[FrameType]) -> str:
        found = next((frame for frame in frames if self._is_users(frame)), frames[0])
        path = Path(found.f_code.co_filename)
        near = next((path.relative_to(folder) for folder in self._folders if path.is_relative_to(folder)), path.name)
        return f"{near}:{found.f_lineno}"

    def _is_users(self, frame: FrameType) -> bool:
        name = frame.f_code.co_filename
        if name not in self._users:
            path = Path(name)
            others = path.is_relative_to(CORE) or not INSTALLED.isdisjoint(path.parts)
            self._users[name] = not others and any(path.is_relative_to(folder) for folder in self._folders)
        return self._users[name]

    def _named(self, loop: asyncio.AbstractEventLoop, step: FrameType) -> str:
        task = asyncio.current_task(loop)
        coroutine: Any = task.get_coro() if task else None
        context = getattr(coroutine, "context", None)  # of a fiber's coroutine
        if context is None and step.f_code is Handle._run.__code__:  # noqa: SLF001 - as above
            context = step.f_locals["self"]._context  # noqa: SLF001 - the callback's own context
        return (self._who(context) if context else "") or getattr(coroutine, "__qualname__", "")


def note_views(app: Flask) -> None:
    """Have each request of *app* carry the name of its view."""

    def note(_: Flask, **__: Any) -> None:
        _view.set(request.endpoint or "")

    request_started.connect(note, app, weak=False)


def doing(context: Context) -> str:
    """Return what is done in *context*: ``task handlers.mail.send run=...`` or ``view shop.buy``; else ''."""
    if current := current_in(context):
        return f"task {current.task} run={current.id}"
    name, call = context.get(carried) or ("", None)
    view = context.get(_view)
    return f"task {name} id={call.id}" if call else f"view {view}" if view else ""


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
