"""A ledger on a prefix of its own, with the few moves that its tests make; its invariants are checked at the end."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import invariants

from core.causes import Cause, Keyring
from core.ledger.acceptance import Acceptance, Accepted, Request, accept, acceptance
from core.ledger.acting import Acted, cancel, retry
from core.ledger.alive import beat
from core.ledger.flow import Flow, Script, server_now
from core.ledger.keys import ASIDE, TERMINAL, Keys
from core.ledger.running import (
    Claim,
    End,
    charge,
    claim,
    claim_all,
    due,
    finish,
    finish_all,
    recover,
    release,
    waiting,
)
from core.ledger.store import Ledger

OK_RESULT = '{"fine":true}'


class Bench:
    """A ledger and what happens to its runs; workers are called ``w1``, ``w2``..., tokens ``t1``, ``t2``..."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = Keys(f"b{uuid.uuid4().hex[:10]}")
        self.keyring = Keyring(("key",))
        self.ledger = Ledger(url)
        self.client = self.ledger.client

    def run(self, flow: Flow):
        return self.ledger.run(flow)

    def accept(self, cause: Cause | None = None, requests: Sequence[Request] = (), **options) -> Accepted:
        wanted = requests or [Request(task="t", queue="q")]
        return self.run(accept(self.keys, self.keyring, cause or event(), wanted, **options))

    def news(self, ident: str = "") -> tuple[Acceptance, str]:
        """Return an event with one run, to be accepted together with something else, and that run's id."""
        cause = event(ident)
        wanted = acceptance(self.keys, self.keyring, cause, [Request(task="told", queue="q")])
        return wanted, f"{cause.ledger_id}.0"

    def one(self, **request) -> str:
        """Accept one run; returns its id."""
        return self.accept(requests=[Request(**({"task": "t", "queue": "q"} | request))]).runs[0][0]

    def running(self, token: str = "t1", worker: str = "w1") -> str:
        """Return a run that *worker*, which is alive, has claimed."""
        self.beat(worker)
        run = self.one()
        assert self.claim(run, token, worker).verdict == "OK"
        return run

    def claim(self, run: str, token: str = "t1", worker: str = "w1", *, alone: bool = True) -> Claim:
        return self.run(claim(self.keys, run, token, worker, alone=alone))

    def claim_all(self, *wanted: tuple[str, str], worker: str = "w1", alone: bool = True) -> list[Claim]:
        """Claim runs, each under the token beside it, in one call."""
        return self.run(claim_all(self.keys, wanted, worker, alone=alone))

    def finish_all(self, *ends: End) -> list[str]:
        return self.run(finish_all(self.keys, ends))

    def cancel(self, run: str, nonce: str = "n1") -> Acted:
        return self.run(cancel(self.keys, [run], nonce))[0]

    def retry(self, run: str, nonce: str = "n1") -> Acted:
        return self.run(retry(self.keys, [run], nonce))[0]

    def charge(self, run: str, worker: str = "w1", *, token: str = "", told: Acceptance | None = None):
        """Let the process of *run* die; returns the run's state and its hint."""
        return self.run(charge(self.keys, run, worker, '{"n":1}', '{"reason":"crash_loop"}', token=token, told=told))

    def finish(self, run: str, token: str = "t1", state: str = "succeeded", **options) -> str:
        return self.run(finish(self.keys, run, token, state, **options))

    def release(self, run: str, token: str = "t1", delay: float = 0):
        return self.run(release(self.keys, run, token, delay))

    def recover(self, run: str, *, trusted: bool = False, drained: bool = False) -> str:
        """Look at *run* as a sweeper does; returns the action."""
        names = [self.keys.run(run), self.keys.due, *self.keys.states, self.keys.alive, self.keys.watermark]
        names += [self.keys.run(run), self.keys.attempts(run)]
        [[answer]] = self.ledger.run(_one(Script("recover", names, [int(trusted), 0, run, int(drained)])))
        hints = self.run(recover(self.keys, {}, trusted=trusted))
        assert hints == []
        return answer[0].decode()

    def beat(self, worker: str, ago: float = 0) -> None:
        """Let *worker* have its last heartbeat *ago* seconds before now."""
        self.run(beat(self.keys, "worker", worker, {}))
        if ago:
            self.client.zadd(self.keys.alive, {f"worker:{worker}": self.now() - ago * 1000})

    def now(self) -> int:
        seconds, micros = self.client.time()
        return seconds * 1000 + micros // 1000

    def past(self, *runs: str, ms: int = 1) -> None:
        """Let the next check of each of *runs* have been due *ms* ago."""
        waiting = {name.decode() for name in self.client.zrange(self.keys.state("pending"), 0, -1)}
        moment = self.now() - ms
        self.client.zadd(self.keys.due, {run: moment + ASIDE * (run in waiting) for run in runs}, xx=True)

    def field(self, run: str, name: str) -> str | None:
        value = self.client.hget(self.keys.run(run), name)
        return None if value is None else value.decode()

    def state(self, run: str) -> str:
        return self.field(run, "state") or "gone"

    def put_into(self, run: str, state: str) -> None:
        """Move a run by hand into a state that no script of today leads to."""
        self.client.zrem(self.keys.state(self.state(run)), run)
        self.client.hset(self.keys.run(run), "state", state)
        self.client.zadd(self.keys.state(state), {run: int(self.field(run, "pos"))})
        if state in TERMINAL:
            self.client.zrem(self.keys.due, run)
        else:
            check = self.client.zscore(self.keys.due, run) % ASIDE
            self.client.zadd(self.keys.due, {run: check + ASIDE * (state == "pending")})

    def wait_of(self, run: str) -> float:
        """Return the seconds until the next check of *run*."""
        return (self.client.zscore(self.keys.due, run) % ASIDE - self.now()) / 1000

    def attempts(self, run: str) -> list[list[str]]:
        """Return number, start, end, worker, outcome and error of each attempt that is kept."""
        return [entry.decode().split("\n") for entry in self.client.lrange(self.keys.attempts(run), 0, -1)]


@contextmanager
def opened(url: str) -> Iterator[Bench]:
    bench = Bench(url)
    try:
        yield bench
        invariants.hold(bench.client, bench.keys)
    finally:
        bench.ledger.close()


def looked_for(keys: Keys) -> Flow[list[str]]:
    """Return the runs that a sweeper would look at now: what is due, then what waits for a hint."""
    until = yield from server_now()
    return [*(yield from due(keys, 200, until)), *(yield from waiting(keys, 200, until))]


def event(ident: str = "", **fields) -> Cause:
    """Return an event; with no *ident* one that was never seen before."""
    plain = {"type": "order.placed", "source": "/test", "time": "2026-11-22T12:00:00Z", "data": {"n": 1}}
    return Cause(kind="event", id=ident or uuid.uuid4().hex, **(plain | fields))


def _one(script: Script) -> Flow:
    return (yield [script])
