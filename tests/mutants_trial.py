"""The trial of mutants: pytest collects the ledger's tests once, then each mutant meets them in a fork of its own."""

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from mutants import LUA, ROOT, Mutant, say

from core.ledger import flow

AT_ONCE = 2
PATIENCE = 120  # seconds that one mutant may take; a test that hangs has noticed it
UNTOUCHED = Mutant("", "no guard is taken out", 0, "", "")
SURVIVED, KILLED, BROKEN = 0, 1, 3


def survivors_of(mutants: Sequence[Mutant]) -> list[Mutant] | None:
    """Try *mutants*; returns those that no test notices, or None where the trial itself went wrong."""
    trial = Trial(mutants)
    status = pytest.main(["-qq", "-s", "--no-summary", *map(str, suites())], plugins=[trial])
    if trial.wrong or trial.begun is None:
        say("The trial went wrong: " + "; ".join(trial.wrong or [f"pytest ended with {status!r}"]))
        return None
    seconds = time.monotonic() - trial.begun
    say(f"{len(mutants) - len(trial.survivors)} of {len(mutants)} mutants killed in {seconds:.0f} s")
    for mutant in trial.survivors:
        say(f"  survived: {mutant}")
    return trial.survivors


def suites() -> list[Path]:
    """Return the tests that speak to the ledger directly: those that use its bench."""
    texts = {path: path.read_text() for path in sorted((ROOT / "tests").glob("test_*.py"))}
    return [path for path, text in texts.items() if "\nimport bench as benches\n" in text and "benchmarks" not in text]


class Trial:
    """A plugin of pytest that runs the collected tests once for each mutant."""

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self.waiting = [UNTOUCHED, *mutants]
        self.going: dict[int, Mutant] = {}
        self.survivors: list[Mutant] = []
        self.wrong: list[str] = []
        self.begun: float | None = None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            self.wrong.append("the tests cannot be collected")
            return True
        self.begun = time.monotonic()
        signal.signal(signal.SIGTERM, _ended)
        with tempfile.TemporaryDirectory(prefix="carillon-mutants-") as folder:
            while self.waiting or self.going:
                while self.waiting and len(self.going) < AT_ONCE:
                    self._start(session, self.waiting.pop(0), Path(folder))
                self._judge(*os.wait())
                if self.wrong:
                    self.waiting.clear()
        return True

    def _start(self, session: pytest.Session, mutant: Mutant, folder: Path) -> None:
        if pid := os.fork():
            self.going[pid] = mutant
            return
        status = BROKEN
        try:
            status = _meet(session, mutant, folder)
        finally:
            session._setupstate.teardown_exact(None)  # with it goes the server of this fork
            os._exit(status)

    def _judge(self, pid: int, status: int) -> None:
        mutant = self.going.pop(pid, None)
        if mutant is None:
            return
        verdict = os.waitstatus_to_exitcode(status)
        if mutant is UNTOUCHED:
            self.wrong += ["the tests fail even if no guard is taken out"] if verdict != SURVIVED else []
        elif verdict == BROKEN:
            self.wrong.append(f"not a script any more: {mutant}")
        elif verdict == SURVIVED:
            self.survivors.append(mutant)
            say(f"survived: {mutant}")
        else:
            say(f"killed:   {mutant}")


class Witness:
    """Hears how tests end."""

    def __init__(self) -> None:
        self.failure = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failure = self.failure or report.longreprtext or "it failed"


def _meet(session: pytest.Session, mutant: Mutant, folder: Path) -> int:
    """Run the tests against *mutant*, those first that name its script most; returns how that went."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    if mutant is not UNTOUCHED:
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        own = Path(shutil.copytree(LUA, folder / f"{os.getpid()}"))
        (own / f"{mutant.script}.lua").write_text(mutant.text)
        flow.LUA = own
        flow.source.cache_clear()
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(PATIENCE)
    witness = Witness()
    session.config.pluginmanager.register(witness)
    named = {path: len(re.findall(rf"\b{mutant.script}\b", path.read_text())) for path in suites()}
    items = sorted(session.items, key=lambda item: -named[item.path])
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following or items[0])
        if witness.failure:
            if mutant is UNTOUCHED:
                say(witness.failure)
            return BROKEN if "compiling script" in witness.failure else KILLED
    return SURVIVED


def _ended(*_: object) -> None:
    raise SystemExit("told to end")


def _too_long(*_: object) -> None:
    raise TimeoutError("this mutant hangs")
