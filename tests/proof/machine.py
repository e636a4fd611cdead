"""The stories that may happen to a ledger, step by step beside its model."""

import uuid

import invariants
from ageing import older
from bench import Bench, looked_for
from bench import event as made
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from model import Model

from core.errors import IdempotencyMismatch
from core.ledger.acceptance import Request, accept
from core.ledger.alive import gone
from core.ledger.keys import ASIDE, TERMINAL, Keys
from core.ledger.running import charge, note, recover

SOME = st.integers(0, 5)  # which one of what there is
WORKERS = st.sampled_from(["w1", "w2"])
DELAYS = st.sampled_from([0, 30])
# Only whole tens of seconds pass, so that no limit is met to the millisecond: a story takes less than two.
AGES = st.sampled_from([0, 10, 20, 60, 1000])
OUTCOMES = st.sampled_from(["succeeded", "discarded", "dead", "retrying"])


class Story(RuleBasedStateMachine):
    """One ledger and its model. Hints lie in *broker*; *claims* are all that were tried: run, token, worker."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench, self.client, self.model = bench, bench.client, Model()
        self.broker: list[str] = []
        self.claims: list[tuple[str, str, str]] = []
        self.nonces: list[str] = ["n0"]
        self.names: dict[str, str] = {}  # ids of events in the ledger, by those of the model
        self.seen: list[str] = []  # what was due when a sweeper looked last
        self.ended: dict[str, str] = {}

    @initialize(runs=st.integers(1, 2), delay=DELAYS)
    def begin(self, runs, delay):
        self.client.flushdb()
        self.bench.keys = Keys(f"s{uuid.uuid4().hex[:8]}")
        self.accepted("e1", 1, runs, "", delay)

    def has_runs(self):
        return bool(self.model.runs)

    def run_of(self, some: int) -> str:
        return list(self.model.runs)[some % len(self.model.runs)]

    def real(self, run: str) -> str:
        event, _, n = run.partition(".")
        return f"{self.names[event]}.{n}"

    @rule(
        event=st.sampled_from(["e1", "e2", "e3"]),
        content=st.sampled_from([1, 1, 1, 2]),
        runs=st.integers(0, 2),
        key=st.sampled_from(["", "", "k1", "k2"]),
        delay=DELAYS,
    )
    def accept(self, event, content, runs, key, delay):
        self.accepted(event, content, runs, key, delay)

    def accepted(self, event, content, runs, key, delay):
        cause = made(event, data={"n": content})
        self.names[event] = cause.ledger_id
        requests = [Request(task="t", queue="q", delay=delay * 1000) for _ in range(runs)]
        verdict, found = self.model.accept(event, content, runs, key, delay)
        try:
            accepted = self.bench.run(accept(self.bench.keys, self.bench.keyring, cause, requests, idempotency=key))
        except IdempotencyMismatch:
            assert verdict == "CONFLICT"
            return
        assert (verdict, self.names[found]) == ("DUP" if accepted.duplicate else "OK", accepted.id)
        assert [run for run, _ in accepted.runs] == [self.real(run) for run in self.model.runs if run[:2] == found]
        if verdict == "OK" and not delay:
            self.broker += [run for run in self.model.runs if run[:2] == event]

    @precondition(lambda self: self.broker)
    @rule(some=SOME)
    def lose_a_hint(self, some):
        self.broker.pop(some % len(self.broker))

    @precondition(lambda self: self.broker)
    @rule(some=SOME, worker=WORKERS, alone=st.booleans(), doubled=st.booleans())
    def follow_a_hint(self, some, worker, alone, doubled):
        at = some % len(self.broker)
        self.claim(self.broker[at] if doubled else self.broker.pop(at), f"t{len(self.claims)}", worker, alone)

    @precondition(has_runs)
    @rule(some=SOME, worker=WORKERS, alone=st.booleans())
    def follow_a_forged_hint(self, some, worker, alone):
        self.claim(self.run_of(some), f"t{len(self.claims)}", worker, alone)

    @precondition(lambda self: self.claims)
    @rule(some=SOME, alone=st.booleans())
    def claim_again(self, some, alone):
        self.claim(*self.claims[-1 - some % len(self.claims)], alone)

    def claim(self, run, token, worker, alone):
        self.beat(worker)
        self.claims.append((run, token, worker))
        wanted = self.model.claim(run, token, worker, alone=alone)
        answer = self.bench.claim(self.real(run), token, worker, alone=alone)
        assert answer.verdict == wanted
        if wanted == "OK":
            assert (answer.attempt, answer.failures) == (self.model.runs[run].attempt, self.model.runs[run].failures)

    @precondition(lambda self: self.claims)
    @rule(some=SOME, outcome=OUTCOMES, delay=DELAYS)
    def finish(self, some, outcome, delay):
        run, token, _ = self.claims[-1 - some % len(self.claims)]
        wanted = self.model.finish(run, token, outcome, delay)
        error = "" if outcome == "succeeded" else "{}"
        assert self.bench.finish(self.real(run), token, outcome, delay=delay, error=error) == wanted

    @precondition(lambda self: self.claims)
    @rule(some=SOME, delay=DELAYS)
    def release(self, some, delay):
        run, token, _ = self.claims[-1 - some % len(self.claims)]
        wanted = self.model.release(run, token, delay)
        assert bool(self.bench.release(self.real(run), token, delay)) == wanted
        self.broker += [run] if wanted and not delay else []

    @precondition(lambda self: self.claims)
    @rule(some=SOME, named=st.booleans())
    def die_alone(self, some, named):
        run, token, worker = self.claims[-1 - some % len(self.claims)]
        wanted = self.model.charge(run, worker, token if named else "")
        flow = charge(self.bench.keys, self.real(run), worker, "{}", "{}", token=token if named else "")
        state, hint = self.bench.run(flow)
        assert (state, bool(hint)) == (wanted, wanted == "pending")
        self.broker += [run] if hint else []

    @precondition(lambda self: self.claims)
    @rule(some=SOME)
    def note(self, some):
        run, token, _ = self.claims[-1 - some % len(self.claims)]
        self.bench.run(note(self.bench.keys, self.real(run), token, "1/2", [token]))

    @precondition(has_runs)
    @rule(some=SOME, nonce=SOME, again=st.booleans())
    def cancel(self, some, nonce, again):
        run, nonce = self.run_of(some), self.nonce(nonce, again)
        assert self.bench.cancel(self.real(run), nonce).verdict == self.model.cancel(run, nonce)

    @precondition(has_runs)
    @rule(some=SOME, nonce=SOME, again=st.booleans())
    def retry(self, some, nonce, again):
        run, nonce = self.run_of(some), self.nonce(nonce, again)
        before, wanted = self.model.runs[run].state, self.model.retry(run, nonce)
        assert self.bench.retry(self.real(run), nonce).verdict == wanted
        if before in TERMINAL and self.model.runs[run].state == "pending":
            self.ended.pop(run, None)

    def nonce(self, some, again):
        self.nonces += [] if again else [f"n{len(self.nonces)}"]
        return self.nonces[some % len(self.nonces) if again else -1]

    @rule(worker=WORKERS)
    def beat(self, worker):
        self.bench.beat(worker)
        self.model.alive[worker] = self.model.now

    @precondition(lambda self: self.model.alive)
    @rule(worker=WORKERS)
    def bury(self, worker):
        self.bench.run(gone(self.bench.keys, "worker", worker))
        self.model.alive.pop(worker, None)

    @precondition(lambda self: any(run.due is not None for run in self.model.runs.values()))
    @rule(seconds=AGES, trusted=st.booleans(), drained=st.booleans())
    def sweep(self, seconds, trusted, drained):
        older(self.client, self.bench.keys, seconds)
        self.model.now += seconds
        found = self.bench.run(looked_for(self.bench.keys))
        wanted = {self.real(run): run for run in self.model.due()}
        assert set(found) == set(wanted)
        self.seen = list(wanted.values())
        self.recover(self.seen, trusted, drained)

    @precondition(lambda self: self.seen)
    @rule(trusted=st.booleans(), drained=st.booleans())
    def sweep_late(self, trusted, drained):
        """A sweeper that was slow looks at what it once found due."""
        self.recover(self.seen, trusted, drained)

    def recover(self, runs, trusted, drained):
        looked = {self.real(run): drained for run in runs}
        hints = self.bench.run(recover(self.bench.keys, looked, trusted=trusted))
        wanted = {run: self.model.recover(run, trusted=trusted, drained=drained) for run in runs}
        found = {self.unreal(hint.run): action for action, hint in hints}
        assert found == {run: action for run, action in wanted.items() if action != "keep"}
        self.broker += found

    @invariant()
    def the_ledger_is_as_its_model(self):
        names = ("state", "token", "attempt", "failures", "charges", "lost", "suspect")
        now = self.bench.now()
        for run, wanted in self.model.runs.items():
            found = self.client.hmget(self.bench.keys.run(self.real(run)), names)
            values = [getattr(wanted, name) for name in names]
            assert [(value or b"").decode() for value in found] == [
                str(int(v)) if isinstance(v, bool) and v else str(v) if v or name == "attempt" else ""
                for name, v in zip(names, values, strict=True)
            ]
            check = self.client.zscore(self.bench.keys.due, self.real(run))
            assert (check is None) == (wanted.due is None)
            assert check is None or -2000 < check % ASIDE - now - (wanted.due - self.model.now) * 1000 <= 0
            if run in self.ended:
                assert wanted.state == self.ended[run]
            elif wanted.state in TERMINAL:
                self.ended[run] = wanted.state

    def teardown(self):
        """In the end everything comes to its end."""
        try:
            for turn in range(40):
                for run in self.broker:
                    token = f"end{turn}.{run}"
                    if self.bench.claim(self.real(run), token, "w9").verdict == "OK":
                        assert self.bench.finish(self.real(run), token) == "OK"
                if not self.client.zcard(self.bench.keys.due):
                    break
                older(self.client, self.bench.keys, 1000)
                self.broker = [self.unreal(hint) for hint in self.swept()]
            assert not self.client.zcard(self.bench.keys.due)
            invariants.hold(self.client, self.bench.keys)
        finally:
            super().teardown()

    def swept(self):
        runs = self.bench.run(looked_for(self.bench.keys))
        return [
            hint.run for _, hint in self.bench.run(recover(self.bench.keys, dict.fromkeys(runs, True), trusted=True))
        ]

    def unreal(self, real):
        found = [run for run in self.model.runs if self.real(run) == real]
        assert found, f"{real} is in the ledger, and its model knows nothing of it"
        return found[0]
