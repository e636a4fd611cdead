"""How an attempt ended, and what is kept of it."""

import json
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from pydantic_core import to_json

from core.catalog import Options
from core.errors import Retry
from core.redact import redacted

RESULT_LIMIT = 16_384  # bytes of JSON that are kept with a run


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
    except ValueError:
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
    if isinstance(error, Retry) and error.after is not None:
        delay = error.after
    return Ended(state="retrying", delay=max(delay, 0.0), error=error_json(error), reason=reason)


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
    trace = "".join(traceback.format_exception(error)) if error.__traceback__ else ""
    shown = {"type": name, "message": redacted(str(error), 1000), "traceback": redacted(trace, 3000)}
    return json.dumps(shown | ({"reason": reason} if reason else {}))


def _short(error: BaseException) -> str:
    return redacted(f"{type(error).__name__}: {error}".splitlines()[0], 200)
