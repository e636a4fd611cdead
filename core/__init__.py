"""Background work for Flask people: say what happened, say when, and none of it is lost.

The way of one event, room by room::

    emit(OrderPlaced(...))     emitting   check it, send its blinker signals
    receivers                  bus        each subscribed handler adds one run
    accept                     ledger     one script: the event and all its runs, or nothing
    publish                    queue      one batch of hints to the broker; beside the ledger, accept does it
    execute(run id)            tasks      claim, call the handler, finish
    sweep                      sweeper    what is due and unfinished gets its hint again
    isolate                    ward       what was going on when its worker died runs alone
    keep                       retention  the history has its time and its room
    tick                       clockwork  advance a schedule and accept its run, in one script
"""

import typing as _t

from core.bulk import emit_many as emit_many
from core.bulk import emit_many_async as emit_many_async
from core.current import run as run
from core.declare import at as at
from core.declare import cron as cron
from core.declare import every as every
from core.declare import on as on
from core.declare import task as task
from core.emitting import emit as emit
from core.emitting import emit_async as emit_async
from core.emitting import enqueue as enqueue
from core.emitting import enqueue_async as enqueue_async
from core.errors import CoreError as CoreError
from core.errors import Discard as Discard
from core.errors import EmitInterrupted as EmitInterrupted
from core.errors import Retry as Retry
from core.events import Event as Event

if _t.TYPE_CHECKING:
    from core.app import create_app as create_app

__all__ = [
    "CoreError",
    "Discard",
    "EmitInterrupted",
    "Event",
    "Retry",
    "at",
    "create_app",
    "cron",
    "emit",
    "emit_async",
    "emit_many",
    "emit_many_async",
    "enqueue",
    "enqueue_async",
    "every",
    "on",
    "run",
    "task",
]


def __getattr__(name: str) -> _t.Any:
    """Import what builds the application, Celery with it, only for those who build one."""
    if name == "create_app":
        from core.app import create_app

        return create_app
    raise AttributeError(f"module 'core' has no attribute {name!r}")
