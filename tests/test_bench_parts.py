"""The parts of the measurement: the plan, requirements and environments, ratios and tables, the HTTP load."""

import json
import re
import socketserver
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from benchmarks.bench import __main__ as command
from benchmarks.bench import cells, environments, report
from benchmarks.bench.environments import Unavailable, environment, pinned
from benchmarks.bench.http_load import HEAD_END, load, request, status
from benchmarks.bench.offers import EVENT, ORDER
from benchmarks.bench.plays import scaled
from benchmarks.bench.report import Findings
from benchmarks.bench.stage import Unplayable
from benchmarks.bench.systems import HANDLERS, Ours, Peer

FILES = sorted(environments.REQUIREMENTS.glob("*.txt"))


def test_every_row_compares_two_cells_of_the_plan():
    names = [cell.name for cell in cells.CELLS]
    assert len(names) == len(set(names))
    assert {name for row in cells.ROWS for name in (row.ours, row.theirs)} <= set(names)
    assert {cell.work for cell in cells.CELLS} == set(cells.WORKS)


def test_works_are_chosen_by_name_and_long_ones_on_demand():
    assert {cell.work for cell in cells.chosen(["io", "emit"], long=False)} == {"io", "emit"}
    assert {cell.work for cell in cells.chosen([], long=False)} == {*cells.WORKS} - {"backlog"}
    assert cells.chosen([], long=True) == [*cells.CELLS]
    with pytest.raises(SystemExit, match="There is no drian"):
        cells.chosen(["drian"], long=False)


def test_what_is_sent_is_of_the_size_that_is_told():
    assert 180 <= len(json.dumps(ORDER)) <= 220
    assert 270 <= len(json.dumps(EVENT)) <= 330


@pytest.mark.parametrize(
    ("count", "scale", "step", "found"), [(5000, 1, 1, 5000), (5000, 0.001, 100, 100), (7, 2, 1, 14)]
)
def test_a_scale_keeps_numbers_whole(count, scale, step, found):
    assert scaled(count, scale, step) == found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_requirements_are_pinned_and_name_no_host(file):
    for line in file.read_text().splitlines():
        requirement, _, marker = line.partition(" ; ")
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", requirement)
        assert re.fullmatch(r"[\w .<>=!']*", marker)


def test_every_peer_has_requirements_that_have_what_the_table_names():
    systems = [cell.system for cell in cells.CELLS if isinstance(cell.system, Peer)]
    assert (
        {system.requirements for system in systems} == {file.stem for file in FILES} - {"redbeat"} == set(report.PEERS)
    )
    for peer, names in report.PEERS.items():
        assert set(names) <= set(pinned(peer))


def test_celery_is_the_same_for_all_and_for_us():
    facts = report.machine(3, 1)
    for peer in ("celery", "flask", "fastapi"):
        assert pinned(peer)["celery"] == facts["versions"]["celery"]
        assert pinned(peer)["hiredis"] == facts["versions"]["hiredis"]


def test_an_environment_is_built_once_for_each_state_of_its_requirements(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(environments, "_run", lambda *words: ran.append(words))
    (tmp_path / "x.txt").write_text("dramatiq==2.2.1\n")
    (tmp_path / "p/x").mkdir(parents=True)
    ran = []
    assert environment("x", tmp_path / "p") == environment("x", tmp_path / "p") == tmp_path / "p/x/bin"
    assert len(ran) == 2
    assert capsys.readouterr().err == "setting up x from x.txt\n"
    (tmp_path / "x.txt").write_text("dramatiq==2.2.2\n")
    environment("x", tmp_path / "p")
    assert len(ran) == 4


@pytest.mark.parametrize(
    "error",
    [subprocess.CalledProcessError(1, "pip", stderr="a warning\nno such version\n"), OSError("no such version")],
)
def test_a_peer_that_cannot_be_installed_says_why(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(environments.subprocess, "run", fail)
    with pytest.raises(Unavailable, match=r"^no such version$"):
        environment("arq", tmp_path)


def test_ours_runs_in_a_clone_with_the_procfiles_own_lines(tmp_path):
    ours = Ours(settings={"ASYNC_CONCURRENCY": "7"})
    ours.prepare(tmp_path)
    ours.prepare(tmp_path)
    procfile = (environments.REPOSITORY / "Procfile").read_text()
    assert (ours.folder() / "handlers/bench.py").read_text() == HANDLERS.read_text()
    worker, web = ours.worker(2)[-1], ours.web(1234)[-1]
    assert worker.removeprefix("exec ").removesuffix(" -n 2@bench") in procfile
    assert web.removeprefix("export PORT=1234; exec ") in procfile
    assert ours.environment()["PYTHONPATH"].startswith(str(tmp_path))
    assert ours.environment()["ASYNC_CONCURRENCY"] == "7"


def found(**rounds) -> Findings:
    findings = Findings(3, 1.0)
    for name, rates in rounds.items():
        system = {"ours": "ours", "celery": "Celery"}[name]
        findings.rounds[f"emit / {system}"] = [{"rate": rate, "own_us": 5.0} for rate in rates]
    return findings


@pytest.mark.parametrize(
    ("rates", "ratio", "verdict"), [((2000, 9000, 2200), 2.2, "met"), ((1990, 100, 1980), 1.98, "missed")]
)
def test_a_ratio_is_one_of_medians(rates, ratio, verdict):
    row = found(ours=rates, celery=(1000, 5, 1001)).ratios()[0]
    assert row["ratio"] == pytest.approx(ratio)
    assert row["verdict"] == verdict
    assert row["wanted"] == 2


def test_a_ratio_that_nobody_wants_gets_no_verdict():
    findings = found(ours=(2,))
    findings.rounds["emit / Celery, tuned"] = [{"rate": 4.0}]
    assert [(row["ratio"], row["verdict"]) for row in findings.ratios() if row["ratio"]] == [(0.5, "")]


def test_what_is_missing_is_told_in_its_row():
    findings = found(celery=(1,))
    findings.failed["emit / ours"] = ["round 1: it fell"]
    findings.absent["many / ours"] = "not there yet"
    findings.rounds["many / Celery, tuned"] = [{"rate": 7.0}]
    verdicts = {row["against"]: row["verdict"] for row in findings.ratios()}
    assert verdicts["Celery delay()"] == "could not be played"
    assert verdicts["kombu Producer.batch(100)"] == "not there yet"
    assert "- emit / ours: could not be played: round 1: it fell" in findings.as_markdown()


def test_the_tables_are_written_for_people_and_programs(tmp_path):
    found(ours=(3000, 2000, 1000), celery=(500, 400, 600)).write(tmp_path)
    text, whole = (tmp_path / "bench.md").read_text(), json.loads((tmp_path / "bench.json").read_text())
    assert "| emit, one handler | Celery delay() | 2,000 | 500 | **4.00** | 2 | met |" in text
    assert "| emit, one handler | ours | 3 | 2,000 | - | - | 5 | - | - | - | 1,000 to 3,000 |" in text
    assert [one["rate"] for one in whole["cells"]["emit / ours"]["rounds"]] == [3000, 2000, 1000]
    assert whole["machine"]["peers"]["dramatiq"]["dramatiq"] == pinned("dramatiq")["dramatiq"]
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| emit")}
    assert widths == {6, 10}


@pytest.mark.parametrize("way", ["falls", "not installed", "not there yet", "fine"])
def test_the_exit_code_says_whether_every_cell_was_played(tmp_path, monkeypatch, capsys, way):
    def play(stage, scale):
        if way == "falls":
            raise Unplayable("it fell")
        return None if way == "not there yet" else {"rate": 1.0}

    def prepare(_, folder):
        if way == "not installed":
            raise Unavailable("no such version")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Ours, "prepare", prepare)
    monkeypatch.setattr(command, "chosen", lambda *_, **__: [replace(cells.CELLS[0], play=play)])
    code = command.main(["--rounds", "1", "--results", str(tmp_path)])
    said = capsys.readouterr().err
    assert code == (way in ("falls", "not installed"))
    assert {"falls": "it fell", "not installed": "no such version"}.get(
        way, way if way != "fine" else "rate 1.0"
    ) in said
    assert (tmp_path / "bench.md").exists()


@contextmanager
def web(*pieces: bytes):
    """A server that answers each request with *pieces*, one write each, and keeps what it was asked."""
    asked: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with suppress(ConnectionError):  # a load that is over hangs up
                while got := self.request.recv(65536):
                    asked.append(got)
                    for piece in pieces:
                        self.request.sendall(piece)
                    if not pieces:
                        return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def test_the_load_asks_again_as_soon_as_an_answer_is_whole():
    sent = request("/events", b'{"n": 1}', {"Authorization": "Bearer x"})
    with web(b"HTTP/1.1 202 ACCEPTED\r\nContent-", b"Length: 4\r\n\r\n", b"fi", b"ne") as (port, asked):
        answers = load(port, sent, connections=3, seconds=0.2)
    assert set(asked) == {sent}
    assert sent.startswith(b"POST /events HTTP/1.1\r\n")
    assert sent.endswith(b'Content-Length: 8\r\nAuthorization: Bearer x\r\n\r\n{"n": 1}')
    assert answers.statuses[202] > 3
    assert len(answers.waits) == answers.statuses[202]
    assert answers.errors == 0


def test_the_load_counts_what_is_no_2xx():
    with web(b"HTTP/1.1 503 BUSY\r\ncontent-length: 0\r\n\r\n") as (port, _):
        answers = load(port, request("/", b"", {}), connections=1, seconds=0.1)
    assert answers.errors == answers.statuses[503] > 0


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",)])
def test_the_load_ends_where_no_connection_is_of_use(pieces):
    with web(*pieces) as (port, _):
        answers = load(port, request("/", b"", {}), connections=2, seconds=30)
    assert answers.errors == answers.broken == 2
    assert answers.seconds < 30


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Le", 0),
        (b"HTTP/1.1 404 NOT FOUND\r\ncontent-length: 0\r\nServer: x" + HEAD_END, 404),
    ],
)
def test_the_status_of_an_answer_is_read_when_it_is_whole(answer, code):
    assert status(answer) == code
