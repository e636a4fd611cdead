"""`make run` with small programs of our own in the Procfile: real processes, real signals."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import redis
from waiting import wait_until

from core import embedded
from core.errors import CoreError
from core.supervisor import environment, groups, procfile

pytestmark = pytest.mark.processes
REPOSITORY = Path(__file__).resolve().parent.parent

WEB = """
import http.server, os, pathlib, sys
sys.path.insert(0, os.getcwd())
from handlers import bells

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 503 if self.path == "/readyz" and pathlib.Path("unready").exists() else 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{bells.SOUND} {os.environ['REDIS_URL']}".encode())
    def log_message(self, *args):
        pass

print("listening", flush=True)
http.server.ThreadingHTTPServer((os.environ["CARILLON_HOST"], int(os.environ["PORT"])), Answer).serve_forever()
"""
WORKER = """
import signal, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
def stop(*_):
    with open("signals", "a") as file:
        file.write("worker ")
    child.kill()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("worker has a child", child.pid)
while True:
    signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stubborn")
while True:
    signal.pause()
"""
DRIVER = """
import asyncio, os, shlex, sys
from pathlib import Path
from core.supervisor.supervise import Supervisor
check = f'{shlex.quote(sys.executable)} -c "import handlers.bells"'
sys.exit(asyncio.run(Supervisor(Path.cwd(), os.environ, check=check).run()))
"""


class Run:
    """A started supervisor, and what it said so far."""

    def __init__(self, root, port, **environ):
        clean = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "CARILLON_ENV")}
        self.root = root
        self.port = port
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "driver.py"],
            cwd=root,
            env=clean | {"PORT": str(port), "PYTHONPATH": str(REPOSITORY)} | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def said(self, words, times=1, timeout=20):
        def enough():
            return [line for line in self.lines if words in line][times - 1 : times]

        try:
            return wait_until(enough, timeout, f"{words!r}, {times} times")[0]
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.lines)) from None

    def ready(self):
        self.said(f"ready http://127.0.0.1:{self.port}")
        return self

    def pids(self):
        noted = json.loads((self.root / ".data" / "run.json").read_text())
        return {name: process["pid"] for name, process in noted["processes"].items()}

    def ask(self, path="/"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return ""

    def end(self, number=signal.SIGTERM, timeout=30):
        self.process.send_signal(number)
        return self.ended(timeout)

    def ended(self, timeout=30):
        code = self.process.wait(timeout)
        self.reader.join(5)
        return code


@pytest.fixture
def root(tmp_path):
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "__init__.py").touch()
    (tmp_path / "handlers" / "bells.py").write_text("SOUND = 'ding'\n")
    for name, text in {"web": WEB, "worker": WORKER, "stubborn": STUBBORN, "driver": DRIVER}.items():
        (tmp_path / f"{name}.py").write_text(text)
    write_procfile(tmp_path)
    return tmp_path


def write_procfile(root, **changed):
    commands = {
        "release": "echo released",
        "web": "python web.py",
        "worker": "python worker.py",
        "beat": "sleep 600",
    }
    (root / "Procfile").write_text("".join(f"{name}: {line}\n" for name, line in (commands | changed).items()))


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(root, port):
    runs = []

    def begin(**environ):
        runs.append(Run(root, port, **environ))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()
        left = json.loads((root / ".data" / "run.json").read_text())["processes"] if run_file(root).exists() else {}
        for process in left.values():
            groups.signal(process["pid"], signal.SIGKILL)
        run.reader.join(5)
        run.process.stdout.close()


def run_file(root):
    return root / ".data" / "run.json"


def running_in(root):
    """The processes whose folder is *root*, or whose command line names it; none where nobody can tell."""
    found = []
    if not groups.HAS_PROC:
        return found
    for entry in Path("/proc").iterdir():
        try:
            here = (entry / "cwd").resolve() == root or str(root).encode() in (entry / "cmdline").read_bytes()
            if entry.name.isdecimal() and here and groups.started(int(entry.name)):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_it_starts_says_ready_once_and_leaves_nothing_behind(root, start, port):
    run = start().ready()
    noted = json.loads(run_file(root).read_text())
    assert noted["env"] == "development"
    assert noted["redis_url"] == embedded.url(root / ".data")
    assert (noted["port"], noted["pid"]) == (port, run.process.pid)
    assert set(noted["processes"]) == {"valkey", "web", "worker", "beat"}
    assert run.ask() == f"ding {noted['redis_url']}"
    assert run.lines.index("release | released") < run.lines.index("web     | listening")
    assert not groups.HAS_PROC or len(running_in(root)) >= 6
    assert run.end() == 0
    assert sum(line.startswith("ready ") for line in run.lines) == 1
    assert (root / "signals").read_text() == "worker "
    assert running_in(root) == []
    assert not run_file(root).exists()
    assert not any(word in line for line in run.lines for word in ("ended", "Warning", "Error"))


def test_the_api_token_is_shown_unless_it_was_given(root, start):
    run = start().ready()
    token = (root / ".data" / "api_token").read_text()
    assert f"API token (kept in .data/api_token): {token}" in run.lines
    run.end(signal.SIGINT)
    run = start(API_TOKEN="mine").ready()
    assert not any("API token" in line for line in run.lines)
    assert run.end(signal.SIGINT) == 0


def test_what_is_killed_is_started_again_without_its_orphans(root, start):
    run = start().ready()
    for name in ("web", "worker", "beat"):
        before = run.pids()[name]
        os.kill(before, signal.SIGKILL)
        run.said(f"{name} ended (signal 9); starting it again")
        wait_until(lambda name=name, before=before: run.pids().get(name, before) != before, what=f"a new {name}")
        assert not groups.alive(before)
    wait_until(lambda: run.ask("/readyz"), what="the web process again")
    assert run.end() == 0
    assert running_in(root) == []


def test_the_embedded_server_is_started_again_with_its_data(root, start):
    run = start().ready()
    with redis.Redis.from_url(embedded.url(root / ".data")) as client:
        client.set("bell", "rung")
    os.kill(run.pids()["valkey"], signal.SIGKILL)
    run.said("valkey ended (signal 9); starting it again")
    wait_until(lambda: embedded.answers(embedded.url(root / ".data")), what="the server again")
    with redis.Redis.from_url(embedded.url(root / ".data")) as client:
        assert client.get("bell") == b"rung"
    assert run.end() == 0
    assert running_in(root) == []


def test_what_keeps_dying_is_started_more_and_more_slowly(root, start):
    write_procfile(root, beat="false")
    run = start().ready()
    run.said("beat ended (exit code 1); starting it again")
    run.said("beat ended (exit code 1); starting it again in 1 s")
    run.said("beat ended (exit code 1); starting it again in 2 s")
    assert run.end() == 0


def test_a_killed_supervisor_is_cleaned_up_after(root, start):
    first = start().ready()
    os.kill(first.pids()["worker"], signal.SIGSTOP)
    before = first.pids()
    first.end(signal.SIGKILL)
    assert groups.alive(before["web"])
    second = start().ready()
    line = second.said("stopped what an earlier run left behind")
    assert all(f"{name} (pid {pid})" in line for name, pid in before.items())
    assert not any(groups.alive(pid) for pid in before.values())
    assert second.end() == 0
    assert running_in(root) == []


def test_wherever_a_supervisor_is_killed_nothing_is_lost_sight_of(root, start):
    for milliseconds in range(0, 60, 10):
        run = start()
        run.said("released")
        threading.Event().wait(milliseconds / 1000)
        run.end(signal.SIGKILL)
    last = start().ready()
    assert last.end() == 0
    assert running_in(root) == []


@pytest.mark.skipif(not groups.HAS_PROC, reason="only /proc tells where an orphan lives")
def test_orphans_without_their_leader_are_found_too(root, start):
    first = start().ready()
    worker = first.pids()["worker"]
    first.end(signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not groups.started(worker), what="the leader to be gone")
    assert groups.alive(worker)
    second = start().ready()
    assert f"worker (pid {worker})" in second.said("left behind")
    assert not groups.alive(worker)
    second.end()


def test_a_pid_that_was_used_again_is_left_alone(root, start):
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        (root / ".data").mkdir()
        run_file(root).write_text(json.dumps({"processes": {"web": {"pid": stranger.pid, "started": "long ago"}}}))
        run = start().ready()
        assert run.end() == 0
        assert stranger.poll() is None
        assert not any("left behind" in line for line in run.lines)
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_refused_in_one_sentence(root, start, port):
    with socket.create_server(("127.0.0.1", port)):
        run = start()
        assert run.ended() == 1
    assert run.lines == [f"Port {port} is taken by another program. Stop that one, or try: PORT={port + 1} make run"]
    assert not run_file(root).exists()


def test_a_second_run_in_the_same_folder_is_refused(root, start):
    first = start().ready()
    second = start()
    assert second.ended() == 1
    assert second.lines == [f"make run is already running in this folder (pid {first.process.pid}). Stop it first."]
    assert first.ask()
    assert first.end() == 0


def test_configuration_problems_are_refused_together(start):
    run = start(CARILLON_ENV="production", LEDGER_MEMORY="much")
    assert run.ended() == 1
    text = "\n".join(run.lines)
    assert all(name in text for name in ("SECRET_KEY", "API_TOKEN", "LEDGER_MEMORY"))
    assert "Traceback" not in text


def test_a_given_server_that_does_not_answer_is_refused(start):
    run = start(REDIS_URL="redis://:hidden@127.0.0.1:1/0")
    assert run.ended() == 1
    assert len(run.lines) == 1
    assert "127.0.0.1:1 did not answer" in run.lines[0]
    assert "hidden" not in run.lines[0]


def test_a_given_server_is_used_if_it_keeps_what_it_holds(tmp_path_factory, root, start):
    with embedded.running(tmp_path_factory.mktemp("given"), 64 << 20) as url:
        with redis.Redis.from_url(url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            refused = start(REDIS_URL=url)
            assert refused.ended() == 1
            assert "allkeys-lru" in refused.lines[0]
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("appendonly", "no")
        run = start(REDIS_URL=url).ready()
        assert 'durability is "memory"' in run.lines[0]
        assert run.ask() == f"ding {url}"
        assert set(run.pids()) == {"web", "worker", "beat"}
        assert run.end() == 0


def test_a_failing_release_starts_nothing(root, start):
    write_procfile(root, release="""python -c 'raise SystemExit("no such schedule")'""")
    run = start()
    assert run.ended() == 1
    assert "release | no such schedule" in run.lines
    assert not any("listening" in line for line in run.lines)
    assert running_in(root) == []


def test_a_signal_during_the_release_stops_at_once(root, start):
    write_procfile(root, release="python stubborn.py")
    run = start()
    run.said("stubborn")
    assert run.end(signal.SIGINT) == 0
    assert running_in(root) == []


def test_the_second_interrupt_kills(root, start):
    write_procfile(root, beat="python stubborn.py")
    run = start().ready()
    run.said("stubborn")
    run.process.send_signal(signal.SIGINT)
    run.said("stopping")
    wait_until(lambda: set(run.pids()) == {"valkey", "beat"}, what="the others to stop")
    assert run.process.poll() is None
    assert run.end(signal.SIGINT, timeout=5) == 0
    assert running_in(root) == []


def test_changed_code_is_taken_up(root, start):
    run = start().ready()
    before = run.pids()
    (root / "handlers" / "bells.py").write_text("SOUND = 'dong'\n")
    run.said("handlers/bells.py changed; restarting web, worker, beat")
    wait_until(lambda: run.ask().startswith("dong"), what="the new code")
    after = run.pids()
    assert all(before[name] != after[name] for name in ("web", "worker", "beat"))
    assert before["valkey"] == after["valkey"]
    assert (root / "signals").read_text() == "worker "
    assert run.end() == 0
    assert running_in(root) == []


def test_broken_code_leaves_the_old_code_running(root, start):
    run = start().ready()
    before = run.pids()
    (root / "handlers" / "bells.py").write_text("SOUND = \n")
    run.said("handlers/bells.py changed and cannot run; the old code keeps running")
    assert any(line.startswith("check") and "SyntaxError" in line for line in run.lines)
    assert run.ask().startswith("ding")
    assert run.pids() == before
    (root / "handlers" / "bells.py").write_text("SOUND = 'dong'\n")
    wait_until(lambda: run.ask().startswith("dong"), what="the new code")
    assert run.end() == 0


def test_not_ready_is_waited_for(root, start):
    (root / "unready").touch()
    run = start()
    wait_until(lambda: run.ask("/"), what="the web process")
    assert not any(line.startswith("ready") for line in run.lines)
    (root / "unready").unlink()
    run.ready()
    assert run.end() == 0


def test_the_environment_of_the_processes(tmp_path):
    (tmp_path / ".env").write_text("API_TOKEN=kept\nPORT=9000\n")
    found = environment.build(tmp_path, {"PORT": "9001", "CARILLON_ENV": "", "PATH": "/bin"})
    assert (found["API_TOKEN"], found["PORT"]) == ("kept", "9001")
    assert (found["CARILLON_ENV"], found["CARILLON_HOST"], found["WEB_CONCURRENCY"]) == (
        "development",
        "127.0.0.1",
        "1",
    )
    assert found["PATH"] == f"{Path(sys.executable).parent}:/bin"
    production = environment.build(tmp_path, {"CARILLON_ENV": "production"})
    assert not {"CARILLON_HOST", "WEB_CONCURRENCY"} & set(production)


@pytest.mark.parametrize("text", ["web granian", "web:", "web: a\nweb: b"])
def test_a_procfile_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "Procfile").write_text(text)
    with pytest.raises(CoreError, match="must be 'name: command'"):
        procfile.read(tmp_path / "Procfile")


def test_our_procfile_names_the_four_lines():
    assert list(procfile.read(REPOSITORY / "Procfile")) == ["release", "web", "worker", "beat"]
    assert shutil.which("granian", path=str(Path(sys.executable).parent))
