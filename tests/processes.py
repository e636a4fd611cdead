"""A clone of the project with handlers of a test's own, and its real processes."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from waiting import wait_until

from core.embedded import running

REPOSITORY = Path(__file__).parent.parent
TOKEN = "process-token"
COMMANDS = {
    "house": [sys.executable, "-m", "core.supervisor"],
    "worker": ["celery", "-A", "core.main:celery", "worker"],
    "beat": ["celery", "-A", "core.main:celery", "beat"],
}


class Clone:
    """The project in a folder of its own, on a server of its own; its processes are started and killed at will."""

    def __init__(self, folder: Path, url: str, **files: str) -> None:
        self.folder, self.url, self.port = folder, url, free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        shutil.copytree(REPOSITORY / "core", folder / "core", ignore=shutil.ignore_patterns("__pycache__"))
        for package in ("handlers", "schedules"):
            (folder / package).mkdir()
            (folder / package / "__init__.py").touch()
        for path, source in files.items():
            (folder / f"{path.replace('__', '/')}.py").write_text(textwrap.dedent(source))
        for file in ("Procfile", ".flaskenv"):
            shutil.copy(REPOSITORY / file, folder / file)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CARILLON_", "FLASK_"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
            "PORT": str(self.port),
            "PYTHONWARNINGS": "default",
            "SECRET_KEY": "process-key",
            "API_TOKEN": TOKEN,
            "GITHUB_WEBHOOK_SECRET": "process-secret",
        }
        self.environment.pop("REDIS_URL", None)
        if url:
            self.environment["REDIS_URL"] = url

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start web, worker or beat."""
        web = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)]
        command = COMMANDS.get(name, [*web, "--blocking-threads", "8", "core.main:app"])
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        return self.processes[name]

    def kill(self, name: str) -> None:
        """Kill a process and all its children, at once."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def pid(self, name: str) -> int:
        """Return the pid of a process that ``make run`` started: web, worker, beat or valkey; 0 while there is none."""
        found: int = json.loads((self.folder / ".data/run.json").read_text())["processes"].get(name, {"pid": 0})["pid"]
        return found

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send a request with the token; returns status and JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"} | headers
            connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body), head)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ready(self) -> None:
        """Wait until web answers that all is ready."""

        def answers() -> bool:
            try:
                return self.request("GET", "/readyz")[0] == 200
            except OSError:
                return False

        wait_until(answers, timeout=30, what="/readyz answers 200")

    def runs(self, query: str = "") -> list[Any]:
        answer = self.request("GET", f"/api/v1/runs?limit=500{query}")[1]
        assert "items" in answer, (answer, self.log("web"))
        return answer["items"]


@contextmanager
def household(folder: Path, **files: str) -> Iterator[Clone]:
    """Make a clone and start all of it as ``make run`` does, embedded server included; stops with the block."""
    made = Clone(folder, "", **files)
    supervisor = made.start("house")
    try:
        wait_until(lambda: "\nready http" in f"\n{made.log('house')}", timeout=60, what="ready")
        yield made
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(40)


@contextmanager
def clone(folder: Path, **files: str) -> Iterator[Clone]:
    """Make a clone with *files* (``handlers__mail="..."``); all its processes end with the block."""
    with running(folder / "data", 256 * 1024 * 1024) as url:
        made = Clone(folder, url, **files)
        try:
            yield made
        finally:
            for process in made.processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return found
