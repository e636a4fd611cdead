"""What becomes of runs: most end well, some after a second try, a few never."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.seed.errors import discard, trouble
from benchmarks.seed.goods import DAY
from benchmarks.seed.pump import Pump
from core.ledger.acting import cancel
from core.ledger.keys import Keys
from core.ledger.running import End, claim_all, finish_all, note, recover

WORKERS = ("bell-1.4711.a1b2c3", "bell-2.4711.d4e5f6", "bell-3.4711.0789ab")
PACES = (12, 45, 160, 700, 3800)  # ms that runs take, more or less
FIRST = 30_000  # ms until the second attempt; each further one waits twice as long
LAST = 900_000  # ms before the end of the week in which nobody waits for another attempt
TROUBLED, DOOMED, SPENT = 0.012, 0.002, 3  # shares that fail at first and for ever, and their attempts
DISCARDED, CANCELLED, EXPIRED = 0.01, 0.001, 0.0005
WAITING = 0.015  # share of the last day's runs that still wait for another attempt
TALKATIVE, KEPT = 0.01, 0.4  # shares that log lines, and that keep a result


@dataclass
class Lives:
    """Leads runs through their lives, the week's end (ms) in mind. *tokens* counts attempts."""

    keys: Keys
    pump: Pump
    dice: Random
    end: int
    tokens: int = 0

    def lead(self, runs: Sequence[str], at: int) -> None:
        """Lead *runs*, pending since *at* (ms), to where they belong."""
        dice = self.dice
        if taken_back := [run for run in runs if dice.random() < CANCELLED]:
            self.pump.at(at + 3)
            self.pump.ask(cancel(self.keys, taken_back, f"seed {at}"))
        begun = at + dice.randint(5, 90)
        held = self._claim([run for run in runs if run not in taken_back], begun)
        for first, pace in enumerate(PACES):
            if some := held[first :: len(PACES)]:
                self._finish(some, begun + int(pace * dice.uniform(0.6, 1.8)), at)

    def begin(self, runs: Sequence[str], at: int) -> None:
        """Let *runs* be running, some way through their work."""
        for run, token in self._claim(runs, at):
            done = self.dice.randint(1, 99)
            self.pump.ask(note(self.keys, run, token, f"{done}/100", [f"{done} of 100 bells are cast"]))

    def _claim(self, runs: Sequence[str], at: int) -> list[tuple[str, str]]:
        held = [(run, f"seed.{self.tokens + n:x}") for n, run in enumerate(runs)]
        self.tokens += len(runs)
        if held:
            self.pump.at(at)
            self.pump.ask(claim_all(self.keys, held, self.dice.choice(WORKERS)))
        return held

    def _finish(self, some: Sequence[tuple[str, str]], at: int, created: int) -> None:
        """End the attempts of *some* at *at*, and go on with those that want another one."""
        ends = [self._end(run, token, at, created) for run, token in some]
        for run, token in some:
            if self.dice.random() < TALKATIVE:
                lines = [f"{n} of 3 bells are tuned" for n in range(1, 4)]
                self.pump.ask(note(self.keys, run, token, "3/3", lines))
        self.pump.at(at)
        self.pump.ask(finish_all(self.keys, ends))
        for end in ends:
            if end.state == "retrying" and at + end.delay * 1000 < self.end - LAST:
                self._again(end.run, at)

    def _end(self, run: str, token: str, at: int, created: int) -> End:
        dice = self.dice.random()
        if dice < DISCARDED:
            return End(run, token, "discarded", error=discard())
        if dice < DISCARDED + EXPIRED:
            return End(run, token, "expired", error=trouble(self.dice, "nobody came in time"))
        if dice > 1 - DOOMED / 2 or (dice > 1 - DOOMED and at > self.end - LAST):
            return End(run, token, "dead", error=trouble(self.dice, "retries spent"))
        if dice > 1 - TROUBLED and at < self.end - LAST:
            return End(run, token, "retrying", delay=FIRST / 1000, error=trouble(self.dice))
        if dice > 1 - TROUBLED - WAITING and created > self.end - DAY:
            left = (self.end - at) / 1000 + self.dice.uniform(600, 20_000)
            return End(run, token, "retrying", delay=left, error=trouble(self.dice))
        kept = self.dice.random() < KEPT
        return End(run, token, "succeeded", result=json.dumps({"order": self.tokens, "sent": True}) if kept else "")

    def _again(self, run: str, at: int) -> None:
        """Make further attempts until it ends."""
        last = self.dice.random() < DOOMED / TROUBLED
        for attempt in range(2, SPENT + 1) if last else (SPENT,):
            at += FIRST * 2 ** (attempt - 2) + 40
            token = f"seed.{self.tokens:x}"
            self.tokens += 1
            self.pump.at(at)
            self.pump.ask(recover(self.keys, {run: True}, trusted=False))
            self.pump.ask(claim_all(self.keys, [(run, token)], self.dice.choice(WORKERS)))
            at += self.dice.choice(PACES)
            self.pump.at(at)
            self.pump.ask(
                finish_all(self.keys, [self._last(run, token, attempt) if last else End(run, token, "succeeded")])
            )

    def _last(self, run: str, token: str, attempt: int) -> End:
        if attempt == SPENT:
            return End(run, token, "dead", error=trouble(self.dice, "retries spent"))
        return End(run, token, "retrying", delay=FIRST * 2 ** (attempt - 1) / 1000, error=trouble(self.dice))
