"""A server to be frozen, filled and killed, one worker beside it, and the test's own process as the one who emits."""

import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager, suppress

import pytest
import redis
from piping import Pipe
from processes import COMMANDS, Clone
from waiting import wait_until

from core import embedded
from core.clock import monotonic
from core.config import celery_url
from core.errors import CoreError
from core.queue import depth
from core.testing import application

SOON = 8  # seconds until a worker has to be at work again; no lost hint is found that soon by the sweeper
PREFIX = "steady"
QUIET = ["--without-mingle", "--without-gossip"]  # as in the Procfile
EVENTS = """
    from core import Event, on

    class Asked(Event, type="asked"):
        n: int = 0

    @on(Asked, name="work")
    def work(event: Asked) -> int:
        return event.n
"""
WORK = """
    import threading
    from pathlib import Path
    from celery import shared_task
    from core import Event, on

    here = Path(__file__).parent
    gate = here / "shut"

    class Asked(Event, type="asked"):
        n: int = 0

    def wait() -> None:
        while gate.exists():
            threading.Event().wait(0.05)

    @on(Asked, name="work")
    def work(event: Asked) -> int:
        wait()
        return event.n

    @shared_task(name="plain", acks_late=True)
    def plain(word: str) -> None:
        wait()
        with (here / "plain.txt").open("a") as file:
            file.write(word + "\\n")
"""


class Server:
    """A server that a test can freeze, kill and start again."""

    def __init__(self, folder, binary=""):
        self.folder, self.binary = folder, binary
        self.url = embedded.url(folder)
        self.client = redis.Redis.from_url(self.url, socket_timeout=3)
        self.process = None

    def start(self, *words):
        embedded.prepare(self.folder)
        valkey, *settings = embedded.command(self.folder, 1 << 28)
        command = [self.binary or valkey, *settings, *words]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def ready(self):
        embedded.ready(self.url)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Road:
    """A TCP road to the server. *block*: what is on it stays there for ever, and only newcomers get through."""

    def __init__(self, target):
        self.target = target
        self.lost = set()
        self.ends = set()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def block(self):
        self.lost |= self.ends

    def _serve(self):
        with suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                server = socket.socket(socket.AF_UNIX)
                with suppress(OSError):
                    server.connect(self.target)
                self.ends |= {client, server}
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source, sink):
        with suppress(OSError):
            while found := source.recv(65536):
                if source in self.lost:
                    continue
                sink.sendall(found)
        if source not in self.lost:
            for end in (source, sink):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


class Household:
    """All of them. *broker* is the worker's broker where that is not simply the server."""

    def __init__(self, folder, broker, binary):
        self.folder = folder
        self.server = Server(folder / "data", binary)
        self.house = Clone(folder / "house", self.server.url, handlers__work=WORK)
        self.house.environment |= {"CELERY_BROKER_URL": broker, "CARILLON_PREFIX": PREFIX}
        self.count = 0

    @property
    def client(self):
        return self.server.client

    def emit(self, number=1):
        for _ in range(number):
            self.count += 1
            self.pipe.emit("asked", n=self.count)

    def emitted(self):
        try:
            self.emit()
        except CoreError:
            return False
        return True

    def ended(self):
        """Return how many runs succeeded."""
        return self.client.zcard(self.pipe.keys.state("succeeded"))

    def hints(self):
        """Return how many hints wait."""
        return depth(self.pipe.app, self.pipe.house.config, "default")

    def log(self):
        return self.house.log("worker")

    def shut(self):
        (self.house.folder / "handlers/shut").touch()

    def open(self):
        (self.house.folder / "handlers/shut").unlink()

    def plain(self):
        """Start a plain task; returns its word."""
        self.count += 1
        word = f"w{self.count}"
        wait_until(lambda: self.sent(word), timeout=SOON, what="the plain task was sent")
        return word

    def sent(self, word):
        try:
            self.pipe.app.extensions["celery"].send_task("plain", (word,), retry=False)
        except Exception:
            return False
        return True

    def words(self):
        """Return the words of the plain tasks that ran."""
        with suppress(FileNotFoundError):
            return (self.house.folder / "handlers/plain.txt").read_text().split()
        return []

    def works(self, seconds=SOON):
        """Wait until the worker has run a new event's run and a plain task; returns how long that took."""
        before, begun = self.ended(), monotonic()
        wait_until(self.emitted, timeout=seconds, what="an event is taken")
        wait_until(lambda: self.ended() > before, timeout=seconds, what="its run ended")
        word = self.plain()
        wait_until(lambda: word in self.words(), timeout=seconds, what="a plain task ran")
        assert self.house.processes["worker"].poll() is None
        return monotonic() - begun


@contextmanager
def household(folder, *words, broker=None, binary=""):
    """Start a household whose worker gets *words* on its command line; *broker* makes the broker's URL of the server's.

    *binary* is a server other than the embedded one. No worker is started yet. All of it ends with the block.
    """
    made = Household(folder, broker(embedded.url(folder / "data")) if broker else "", binary)
    url = made.server.url
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(COMMANDS, "worker", [*COMMANDS["worker"], *words])
        patch.syspath_prepend(str(folder))
        (folder / "steady_subject.py").write_text(textwrap.dedent(EVENTS))
        made.server.start()
        try:
            made.server.ready()
            options = {"prefix": PREFIX, "keys": ("process-key",), "broker_url": celery_url(url)}
            with application(url, packages=("steady_subject",), **options) as app:
                made.pipe = Pipe(app)
                yield made
        finally:
            for name in list(made.house.processes):
                made.house.kill(name)
            made.server.kill()
            sys.modules.pop("steady_subject", None)
