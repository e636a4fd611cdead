"""flask runs retry and cancel: by id, by options, with a question first, and how they end."""

import os
import pty
import signal

import pytest
from command_line import HANDLERS, NOWHERE, Line, Program, rows
from waiting import wait_until

from core.cli import acting


@pytest.fixture
def line(make_app):
    return Line(make_app(HANDLERS))


@pytest.fixture
def dead(line):
    """The ids of three runs that are dead."""
    found = [line.emit("order.lost", f'{{"order": {n}}}') for n in range(3)]
    for run in found:
        line.here.runner.execute(run)
    return found


def state(line, run):
    return line.json("runs", "show", run)["state"]


def test_retry_by_id(line, dead):
    assert rows(line("runs", "retry", *dead[:2]))[1:] == [[run, "pending"] for run in dead[:2]]
    assert [state(line, run) for run in dead] == ["pending", "pending", "dead"]
    assert line("runs", "cancel", dead[0]).split()[-1] == "cancelled"


def test_what_is_refused_is_said_in_a_line_each(line, dead):
    line("runs", "retry", dead[0])
    result = line.run("runs", "retry", *dead, "x", dead[1])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"Error: Run {dead[0]} is pending, so it cannot be retried; that takes one that is scheduled, retrying, "
        "discarded, dead, cancelled or expired.",
        "Error: There is no run 'x' that fits, or it is past its retention.",
    ]
    assert [row[0] for row in rows(result.stdout)] == ["RUN", *dead[1:]]
    told = line.run("runs", "cancel", dead[0], "x", "--json")
    assert (told.exit_code, f'"id": "{dead[0]}",\n    "done": true' in told.stdout) == (1, True)


def test_ids_and_options_narrow_each_other(line, dead):
    result = line.run("runs", "retry", *dead, "--task", "bells.other")
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 3)
    line("runs", "retry", *dead, "--task", "bells.search", "--state", "failed")


def test_retry_by_options(line, dead):
    assert line("runs", "retry", "--state", "failed") == "Retried 3 runs.\n"
    assert {state(line, run) for run in dead} == {"pending"}
    assert line("runs", "retry", "--state", "failed") == "No run matches.\n"
    assert line.json("runs", "cancel", "--task", "bells.search") == {"matched": 3, "done": 3, "conflicts": 0}


@pytest.mark.parametrize("words", [["--state", "dead"], ["--all"], None])
def test_hints_are_published_before_the_command_ends(line, dead, words, monkeypatch):
    published = []
    line.here.publisher.flush(5)
    monkeypatch.setattr(line.here.publisher, "_work", published.extend)
    line("runs", "retry", *(dead if words is None else words))
    assert sorted(hint.run for hint in published) == sorted(dead)


def test_times_narrow(line, dead):
    assert line("runs", "retry", "--state", "dead", "--to", "2h") == "No run matches.\n"
    assert line("runs", "retry", "--state", "dead", "--from", "2999-01-01T00:00:00+02:00") == "No run matches.\n"
    assert line("runs", "list", "--to", "1 d") == "No runs.\n"
    assert len(line.json("runs", "list", "--from", "1min")) == 3
    assert line.json("events", "list", "--to", "1h") == []
    assert len(line.json("events", "list", "--from", "2026-01-01")) == 3


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "5 years", "-1h", "9" * 50])
def test_times_that_are_none(line, text):
    assert "an age: 30min, 2h, 7d" in line("runs", "list", f"--from={text}", code=2)


def test_all(line, dead):
    line.emit("order.placed", '{"order": 1}', "--delay", "3600")
    assert line("runs", "cancel", "--all") == "Cancelled 2 runs.\n"
    assert line("runs", "retry", "--all") == "Retried 3 runs.\n"


def test_nothing_named_is_a_mistake_of_usage(line, dead):
    for words in (("retry",), ("cancel", "--yes"), ("retry", "--json")):
        assert "Which runs?" in line("runs", *words, code=2)
    assert {state(line, run) for run in dead} == {"dead"}


def test_where_nothing_could_be_done_it_ends_with_1(line, dead):
    text = line("runs", "cancel", "--state", "dead", code=1)
    assert text == "Cancelled 0 runs; 3 runs could not be.\n"
    line("runs", "retry", dead[0])
    assert line("runs", "retry", "--event", "order.lost", "--state", "dead,pending") == (
        "Retried 2 runs; 1 run could not be.\n"
    )


def test_many_batches(line, dead, monkeypatch):
    monkeypatch.setattr("core.operating.BATCH", 2)
    assert line("runs", "retry", "--task", "bells.search") == "Retried 3 runs.\n"
    assert len(rows(line("runs", "cancel", *dead))) == 4


def test_ctrl_c_tells_what_was_done(line, dead, monkeypatch):
    monkeypatch.setattr("core.operating.BATCH", 2)
    publish, said = line.here.bus.publish, []

    def interrupted(hints):
        publish(hints)
        if said:
            raise KeyboardInterrupt
        said.append(hints)

    object.__setattr__(line.here.bus, "publish", interrupted)
    result = line.run("runs", "retry", "--state", "dead")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Stopped; retried 2 runs. The same command does the rest.\n"


@pytest.mark.parametrize("words", ["retry x", "cancel x", "retry --all", "cancel --state pending", "tail"])
def test_without_a_ledger(make_app, words):
    result = Line(make_app(HANDLERS, redis_url=NOWHERE)).run("runs", *words.split())
    assert (result.exit_code, result.stdout) == (69, "")
    assert "did not answer" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "words", ["runs", "runs nothing", "runs list --nothing", "runs show", "events emit", "events replay x --only some"]
)
def test_mistakes_of_usage_are_told_in_one_line(line, words):
    result = line.run(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    if words == "runs":
        assert "Usage: " in result.stderr
        return
    [text] = result.stderr.splitlines()
    assert text.startswith("Error: ")
    assert text.endswith(" --help.")


class TestAtATerminal:
    @pytest.fixture
    def program(self, make_app, server_url, package, tmp_path):
        program = Program(tmp_path, server_url, package(subject=HANDLERS))
        self.line = Line(make_app(HANDLERS, prefix=program.prefix))
        self.runs = [self.line.emit("order.lost", f'{{"order": {n}}}') for n in range(3)]
        self.line.emit("order.lost", '{"order": 4}', "--delay", "60")
        return program

    def typed(self, program, *words, answer=""):
        """Run a command at a terminal, where somebody types *answer*; return its exit code and what it showed."""
        ours, theirs = pty.openpty()
        process = program.start(*words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        os.write(ours, answer.encode())
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(ours)
        return process.wait(30), shown.decode()

    def test_it_asks_first(self, program):
        code, shown = self.typed(program, "runs", "cancel", "--all", answer="n\n")
        assert "Cancel 4 runs (1 scheduled, 3 pending)? [y/N]: " in shown
        assert (code, [state(self.line, run) for run in self.runs]) == (1, ["pending"] * 3)
        code, shown = self.typed(program, "runs", "cancel", "--state", "pending", answer="y\n")
        assert "Cancel 3 runs? [y/N]: " in shown
        assert "Cancelled 3 runs." in shown
        assert (code, {state(self.line, run) for run in self.runs}) == (0, {"cancelled"})

    def test_unless_told_not_to(self, program):
        code, shown = self.typed(program, "runs", "cancel", "--all", "--yes")
        assert (code, "[y/N]" in shown, "Cancelled 4 runs." in shown) == (0, False, True)


def test_long_work_shows_a_bar(line, dead, monkeypatch):
    monkeypatch.setattr(acting, "LONG", 3)
    monkeypatch.setattr(acting, "_watched", lambda: True)
    result = line.run("runs", "retry", "--state", "dead")
    assert "Retrying" in result.stderr
    assert result.stdout == "Retried 3 runs.\n"


class TestTail:
    def test_each_step_is_a_line(self, make_app, server_url, package, tmp_path):
        program = Program(tmp_path, server_url, package(subject=HANDLERS))
        line = Line(make_app(HANDLERS, prefix=program.prefix))
        before = line.emit("order.lost", '{"order": 1}')
        with (tmp_path / "shown").open("wb") as shown, (tmp_path / "told").open("wb") as told:
            process = program.start("runs", "tail", "--queue", "default", stdout=shown, stderr=told)

        try:

            def lines():
                return [row[1:3] for row in rows((tmp_path / "shown").read_text())]

            wait_until((tmp_path / "told").read_text, timeout=30, what="it follows")
            seen = []

            def followed():
                """Emit until one is shown: it follows some moments after it says so."""
                seen.append(line.emit("shop.opened"))
                return lines()

            wait_until(followed, what="a line")
            line.here.runner.execute(before)
            wait_until(lambda: ["dead", before] in lines(), what="the end of a run that was there before")
            line("runs", "retry", before)
            wait_until(lambda: lines()[-1] == ["pending", before], what="its retry")
            assert "LookupError: order 1 is nowhere" in (tmp_path / "shown").read_text()
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            assert (tmp_path / "told").read_text() == "Following runs; Ctrl-C ends it.\n"
            assert lines()[0][1] in seen
        finally:
            process.kill()
            process.wait()
