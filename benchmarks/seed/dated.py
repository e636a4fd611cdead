"""The ledger's own scripts on a clock that can be set: what they write is what they always write, at another time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from core.ledger import flow

TIME = "redis.call('TIME')"
TOLD = """(function()
  local ms = redis.call('INCRBY', '{key}', {step})
  return {{math.floor(ms / 1000), ms % 1000 * 1000}}
end)()"""


@dataclass(frozen=True)
class Dial:
    """Sets the clock: at once, or by a command that goes with others."""

    client: redis.Redis
    key: str

    def set(self, ms: int) -> None:
        self.client.set(self.key, ms)

    def command(self, ms: int) -> tuple[str, str, int]:
        """Return the command that sets it to *ms* since the epoch."""
        return "SET", self.key, ms


@contextmanager
def dated(client: redis.Redis, key: str, step: int = 0) -> Iterator[Dial]:
    """Let all scripts that this process sends in the block read the time from *key*; it is gone at the end.

    Each time it is read, the clock has gone on by *step* ms.
    """
    real, told = flow.source, TOLD.format(key=key, step=step)
    known: dict[str, tuple[str, str]] = {}

    def source(name: str) -> tuple[str, str]:
        if name not in known:
            text = real(name)[0]
            if TIME not in text:
                raise RuntimeError(f"{name}.lua does not ask {TIME}; say in benchmarks/seed/dated.py how it does now")
            text = text.replace(TIME, told)
            known[name] = text, str(client.script_load(text))
        return known[name]

    flow.source = source  # type: ignore[assignment]
    try:
        yield Dial(client, key)
    finally:
        flow.source = real
        client.delete(key)
