"""An application for the tests of the command line, and a way to run its commands."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

from flask import Flask

from core.house import house

REPOSITORY = Path(__file__).resolve().parent.parent
NOWHERE = "redis://127.0.0.1:1/0"
HANDLERS = """
    from core import Event, cron, every, on, run, task

    class OrderPlaced(Event, type="order.placed"):
        \"\"\"A customer paid.

        More is said here.
        \"\"\"
        order: int

    class OrderLost(Event, type="order.lost"):
        order: int

    @on(OrderPlaced, queue="mail", name="bells.send_receipt")
    def send_receipt(event):
        run.log(f"to order {event.order}")
        run.progress(1, 2)
        return {"sent": event.order}

    @on(OrderLost, retries=0, name="bells.search")
    def search(event):
        raise LookupError(f"order {event.order} is nowhere")

    @on("shop.*", "order.placed", name="bells.archive")
    def archive(event):
        pass

    @task()
    def tidy(days: int):
        pass

    @cron("0 7 * * mon-fri", timezone="Europe/Berlin", name="bells.report")
    def report():
        pass

    @every(minutes=5, name="bells.refresh")
    def refresh():
        pass
"""


class Line:
    """A command line for *app*: call it with the words of a command; it gives back what that prints."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.here = house(app)

    def __call__(self, *words: str, code: int = 0, **how: object) -> str:
        """Run a command that ends with *code*; return its output, with its errors where it fails."""
        result = self.run(*words, **how)
        assert result.exit_code == code, result.output
        return result.output if code else result.stdout

    def json(self, *words: str, **how: object) -> object:
        """Run a command with --json; return what it says."""
        return json.loads(self(*words, "--json", **how))

    def emit(self, *words: str) -> str:
        """Emit an event; return the id of its first run."""
        return self.json("events", "emit", *words)["runs"][0]["id"]

    def run(self, *words: str, **how: object):
        return self.app.test_cli_runner().invoke(args=words, **how)


def rows(table: str) -> list[list[str]]:
    """Return the words of each line."""
    return [line.split() for line in table.splitlines()]


class Program:
    """The command line as processes of its own: an application in *folder*, with HANDLERS, on a prefix of its own."""

    def __init__(self, folder: Path, url: str, package: str) -> None:
        (folder / "own_main.py").write_text(f"from core import create_app\napp = create_app(packages=({package!r},))\n")
        self.folder = folder
        self.environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
            "REDIS_URL": url,
            "SECRET_KEY": "test-key",
            "API_TOKEN": "t",
            "CARILLON_PREFIX": f"t{uuid.uuid4().hex[:10]}",
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{folder}",
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def prefix(self) -> str:
        return self.environ["CARILLON_PREFIX"]

    def start(self, *words: str, **how: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "flask", "--app", "own_main", *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, **how)
