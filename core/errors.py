"""Every error we raise; the docstring is the message where none is given."""

from collections.abc import Sequence


class CoreError(Exception):
    """Something Carillon refuses."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class ProblemsError(CoreError):
    """Several problems, reported together.

    ``problems`` is a list of sentences, each naming what was found, what was wanted and what to do.
    """

    heading = "This cannot start"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__(f"{self.heading}:\n" + "\n".join(f"  - {problem}" for problem in self.problems))


class ConfigError(ProblemsError):
    """The environment does not describe an application that can start."""

    heading = "The configuration has problems"


class DeclarationError(ProblemsError):
    """A handler, job or task is declared in a way that cannot work."""

    heading = "handlers/ and schedules/ have problems"


class ServerRefused(CoreError):
    """The Redis server cannot keep the ledger."""


class LedgerUnavailable(CoreError):
    """The ledger did not answer; nothing was recorded. Check REDIS_URL and the server, then try again."""


class LedgerNewer(LedgerUnavailable):
    """The ledger was written by a newer release of the application."""


class EmitError(CoreError):
    """The event was not accepted; nothing was recorded."""


class EmitUnavailable(EmitError, LedgerUnavailable):
    """The ledger did not answer; whether the event was recorded is not known. Emit it again with the same id."""


class EmitInterrupted(EmitError):
    """Not all of the events were recorded. Emit all of them again with the same ids: those that were are duplicates.

    ``receipts`` holds a receipt for each event in its place, or None where it was not recorded or that is not known.
    ``ids`` are the ids of all the events. ``__cause__`` is the first error that was met.
    """

    def __init__(self, message: str, receipts: Sequence[object], ids: Sequence[str]) -> None:
        self.receipts = list(receipts)
        self.ids = list(ids)
        super().__init__(message)


class UnknownEvent(EmitError):
    """No class declares this event type and no pattern matches it."""


class InvalidEvent(EmitError):
    """The event does not fit its type.

    ``errors`` is a list of ``{"pointer": "/data/email", "detail": "..."}``, pointers as in RFC 6901.
    """

    def __init__(self, message: str, errors: Sequence[dict[str, str]] = ()) -> None:
        self.errors = list(errors)
        super().__init__(message)


class DurabilityUnmet(EmitUnavailable):
    """The event was recorded, but not as safely as DURABILITY demands. Emit it again with the same id."""


class BacklogFull(EmitError):
    """The ledger is full; nothing was recorded. Work has to drain first: try again later.

    ``retry_after`` is the number of seconds until there may be room.
    """

    def __init__(self, message: str | None = None, retry_after: int = 10) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class IdempotencyMismatch(EmitError):
    """This id was used before, with other content. Send a new id for a new event."""


class StateConflict(CoreError):
    """What is there is in a state that does not allow this.

    ``state`` is the current state.
    """

    def __init__(self, message: str, state: str) -> None:
        self.state = state
        super().__init__(message)


class NotFound(CoreError):
    """There is nothing of this name, or it is past its retention."""


class AlreadyExists(CoreError):
    """The name is taken."""


class PreconditionFailed(CoreError):
    """It was changed since it was read. Read it again."""


class PayloadExpired(CoreError):
    """This was here, but its data is past its retention."""


class UnknownTarget(CoreError):
    """There is no such task, or it does not answer this.

    ``errors`` is a list of ``{"pointer": "/tasks/0", "detail": "..."}``, pointers as in RFC 6901.
    """

    def __init__(self, message: str, errors: Sequence[dict[str, str]] = ()) -> None:
        self.errors = list(errors)
        super().__init__(message)


class Retry(CoreError):
    """Raise it in a handler to ask for another attempt.

    ``after`` is the delay in seconds; without it the handler's own backoff counts. It uses up one of the
    handler's retries, as any failure that was raised does.
    """

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        self.reason = reason
        self.after = after
        super().__init__(reason)


class Discard(CoreError):
    """Raise it in a handler to end the run as discarded: no retry, no alarm."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
