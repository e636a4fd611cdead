"""How an attempt ended, and what is kept of it."""

import json
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pydantic_core import to_json

from core.catalog import Options
from core.errors import Retry
from core.redact import redacted

RESULT_LIMIT = 16_384  # bytes of JSON that are kept with a run
ERROR_LIMIT = 4096
LONGEST = 366 * 86_400.0  # seconds that a run can be told to wait


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The state an attempt leaves its run in; *delay* in seconds, *error* and *result* as JSON text."""

    state: str
    delay: float = 0.0
    error: str = ""
    result: str = ""
    reason: str = ""


def succeeded(value: object, log: Callable[[str], None]) -> Ended:
    """Return the end of an attempt that returned *value*; what cannot be kept of it is said in the run's log."""
    if value is None:
        return Ended(state="succeeded")
    try:
        result = to_json(value, inf_nan_mode="null")
        if len(result) <= RESULT_LIMIT:
            json.loads(result)  # it must come back, too: a number of 5,000 digits does not
    except Exception:  # noqa: BLE001 - the work is done, whatever its result raises
        log(f"the result was not kept: {type(value).__name__} is not JSON")
        return Ended(state="succeeded")
    if len(result) > RESULT_LIMIT:
        log(f"the result was not kept: it has {len(result)} bytes, the limit is {RESULT_LIMIT}")
        return Ended(state="succeeded")
    return Ended(state="succeeded", result=result.decode())


def failed(options: Options, failures: int, error: BaseException) -> Ended:
    """Return the end of an attempt that raised *error*, the run's failure number *failures*."""
    reason = _short(error)
    if failures > options.retries:
        return Ended(state="dead", error=error_json(error, "retries spent"), reason=reason)
    delay = options.delay(failures) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
    asked = _seconds(error.after) if isinstance(error, Retry) else None
    delay = min(max(delay if asked is None else asked, 0.0), LONGEST)
    return Ended(state="retrying", delay=delay, error=error_json(error), reason=reason)


def dead(error: BaseException, reason: str) -> Ended:
    """Return the end of a run that no retry can help."""
    return Ended(state="dead", error=error_json(error, reason), reason=reason)


def discarded(error: BaseException, reason: str) -> Ended:
    """Return the end of a run whose handler said that there is nothing to do."""
    return Ended(state="discarded", error=error_json(error), reason=reason)


def error_json(error: BaseException, reason: str = "") -> str:
    """Return *error* as it is kept: type, message and traceback, redacted, 4 KB at most."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    message = _message(error)
    trace = "".join(traceback.format_exception(error)) if error.__traceback__ else ""
    named = {"type": name[-200:]} | ({"reason": reason} if reason else {})
    text, room = "", 900
    while not text or len(text.encode()) > ERROR_LIMIT:
        shown = named | {"message": redacted(message, room), "traceback": redacted(trace, 3 * room)}
        text, room = json.dumps(shown, ensure_ascii=False), room * 2 // 3
    return text


def _short(error: BaseException) -> str:
    return redacted(f"{type(error).__name__}: {_message(error)}".splitlines()[0], 200)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return "(its message cannot be shown)"


def _seconds(after: object) -> float | None:
    """Return the delay that a Retry asks for, or None where it is no length of time."""
    try:
        seconds = after.total_seconds() if isinstance(after, timedelta) else float(after)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return None if seconds != seconds else seconds
