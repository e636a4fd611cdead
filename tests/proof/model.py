"""What the ledger does, said again in plain Python, in whole seconds: the model that the real one is held against."""

from dataclasses import dataclass, field

from core.ledger.keys import TERMINAL

HINT_GRACE, OVERTAKEN, LOOK_AGAIN, BEAT_LIMIT, LONGEST = 3, 2, 5, 15, 900
CHARGES, CHARGE_PAUSE, FIRST_LOSSES, LOSS_PAUSE = 3, 30, 3, 30
LONG_AGO = -(10**9)


@dataclass
class Run:
    state: str
    due: int | None
    hinted: int
    token: str | None = None
    worker: str | None = None
    attempt: int = 0
    failures: int = 0
    charges: int = 0
    lost: int = 0
    looks: int = 0
    suspect: bool = False
    started: bool = False
    finished: bool = False
    asked: str | None = None

    def moved(self, state: str, due: int | None) -> None:
        self.state, self.due = state, due


@dataclass
class Model:
    now: int = 0
    events: dict[str, int] = field(default_factory=dict)  # ids, and what they were accepted with
    keys: dict[str, tuple[int, str]] = field(default_factory=dict)  # idempotency keys: content and id
    runs: dict[str, Run] = field(default_factory=dict)
    alive: dict[str, int] = field(default_factory=dict)  # workers, by their last heartbeat
    watermark: int = LONG_AGO

    def accept(self, event: str, content: int, runs: int, key: str, delay: int) -> tuple[str, str]:
        if key in self.keys and self.keys[key][1] != event:
            known, other = self.keys[key]
            return ("DUP" if known == content else "CONFLICT"), other
        if event in self.events and self.events[event] != content:
            return "CONFLICT", event
        if key:
            self.keys[key] = content, event
        if event in self.events:
            return "DUP", event
        self.events[event] = content
        for n in range(runs):
            state, due = ("scheduled", self.now + delay) if delay else ("pending", self.now + HINT_GRACE)
            self.runs[f"{event}.{n}"] = Run(state, due, self.now)
        return "OK", event

    def claim(self, name: str, token: str, worker: str, *, alone: bool) -> str:
        run = self.runs[name]
        if run.state == "running" and run.token == token:
            return "OK"
        if run.state != "pending":
            return "SKIP"
        if run.suspect and not alone:
            return "SUSPECT"
        run.attempt, run.token, run.worker, run.started = run.attempt + 1, token, worker, True
        run.finished, run.looks = False, 0
        run.moved("running", self.now + LOOK_AGAIN)
        self.watermark = max(self.watermark, run.hinted)
        return "OK"

    def finish(self, name: str, token: str, outcome: str, delay: int) -> str:
        run, good = self.runs[name], outcome in ("succeeded", "discarded")
        if run.token != token:
            return "LATE"
        if run.state in TERMINAL or run.finished:
            return "OK"
        if run.state != "running" and not good:
            return "LATE"
        run.attempt += not run.started
        run.finished, run.started, run.suspect, run.charges, run.lost = True, True, False, 0, 0
        run.failures += outcome == "retrying"
        run.moved(outcome, self.now + delay if outcome == "retrying" else None)
        return "OK"

    def release(self, name: str, token: str, delay: int) -> bool:
        run = self.runs[name]
        if run.token != token or run.state in TERMINAL or run.finished:
            return False
        if run.state == "running":
            run.attempt, run.started, run.worker = run.attempt - 1, False, None
            run.moved(*(("retrying", self.now + delay) if delay else ("pending", self.now + HINT_GRACE)))
        return True

    def charge(self, name: str, worker: str, token: str) -> str:
        run = self.runs[name]
        if run.state != "running" or run.worker != worker or token not in ("", run.token):
            return "LATE"
        run.charges, run.suspect, run.token, run.worker = run.charges + 1, True, None, None
        if run.charges == CHARGES:
            run.finished = True
            run.moved("dead", None)
        elif run.charges == 1:
            run.moved("pending", self.now + HINT_GRACE)
        else:
            run.moved("retrying", self.now + CHARGE_PAUSE)
        return run.state

    def cancel(self, name: str, nonce: str) -> str:
        run = self.runs[name]
        if run.asked == nonce:
            return "OK"
        if run.state in TERMINAL or run.state == "running":
            return "CONFLICT"
        run.asked, run.finished = nonce, True
        run.moved("cancelled", None)
        return "OK"

    def retry(self, name: str, nonce: str) -> str:
        run = self.runs[name]
        if run.asked == nonce:
            return "OK"
        if run.state in ("succeeded", "running", "pending"):
            return "CONFLICT"
        run.asked, run.token, run.finished, run.hinted = nonce, None, False, self.now
        run.failures = run.charges = run.lost = run.looks = 0
        run.moved("pending", self.now + HINT_GRACE)
        return "OK"

    def due(self) -> set[str]:
        return {name for name, run in self.runs.items() if run.due is not None and run.due <= self.now}

    def recover(self, name: str, *, trusted: bool, drained: bool) -> str:
        run = self.runs[name]
        if run.due is None or run.due > self.now:
            return "keep"
        if run.state in ("scheduled", "retrying"):
            run.hinted, run.looks = self.now, 0
            run.moved("pending", self.now + HINT_GRACE)
            return "hint"
        if run.state == "running":
            return self._look_at_worker(run, trusted=trusted)
        overtaken = self.watermark > run.hinted + OVERTAKEN
        if not (overtaken or drained):
            run.due = self.now + min(HINT_GRACE * 2**run.looks, LONGEST)
            run.looks += 1
            return "keep"
        run.hinted, run.looks, run.due = self.now, 0, self.now + HINT_GRACE
        return "hint"

    def _look_at_worker(self, run: Run, *, trusted: bool) -> str:
        beat = self.alive.get(run.worker)
        if beat is not None and (self.now - beat <= BEAT_LIMIT or not trusted):
            run.due = self.now + LOOK_AGAIN
            return "keep"
        run.suspect, run.lost = True, run.lost + 1
        if run.lost > FIRST_LOSSES:
            pause = min(LOSS_PAUSE * 2 ** (run.lost - FIRST_LOSSES - 1), LONGEST)
            run.moved("retrying", self.now + pause)
            return "keep"
        run.looks = 0
        run.moved("pending", self.now + HINT_GRACE)
        return "lost"
