"""The RabbitMQ node of a scenario: one of its own, with its own epmd, killed and started again on its data."""

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import amqp

from benchmarks.chaos.servers import free_port

# What stands in the path of Debian is a script that starts the machine's own node as another user.
DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START = 60.0  # seconds


def rabbitmq_server() -> str:
    """Return the path of what starts a node, or '' where this machine has none; CHAOS_RABBITMQ may name it."""
    if not shutil.which("epmd") or not shutil.which("erl"):
        return ""
    named = os.environ.get("CHAOS_RABBITMQ") or (str(DEBIAN) if DEBIAN.exists() else "rabbitmq-server")
    return shutil.which(named) or ""


class Rabbit:
    """RabbitMQ on free ports of 127.0.0.1, without plugins; its data, cookie and log are in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "rabbitmq"
        self.port, self.distribution, self.names = free_port(), free_port(), free_port()
        self.folder.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Start the node and wait until it lets us in.

        Raises:
            RuntimeError: it does not within a minute, or this machine has no RabbitMQ.
        """
        if self._epmd is None:  # a node that found none would leave one behind
            self._epmd = self._run("epmd", "-port", str(self.names), "-address", "127.0.0.1")
        self.process = self._run(rabbitmq_server() or "rabbitmq-server")
        deadline = time.monotonic() + START
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"RabbitMQ did not start; see {self.folder / 'out.log'}")
            threading.Event().wait(0.1)

    def answers(self) -> bool:
        try:
            with amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=5):
                return True
        except (OSError, amqp.AMQPError):
            return False

    def kill(self) -> None:
        """Kill the node without a chance to write anything more."""
        if self.process is not None:
            _end(self.process)
            self.process = None

    def close(self) -> None:
        self.kill()
        if self._epmd is not None:
            _end(self._epmd)
            self._epmd = None

    def _run(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "out.log").open("ab") as log:
            return subprocess.Popen(
                words, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _environment(self) -> dict[str, str]:
        nowhere = str(self.folder / "none")
        ours = {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self.names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_NODENAME": f"chaos{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_CONF_ENV_FILE": nowhere,
            "RABBITMQ_CONFIG_FILE": nowhere,
            "RABBITMQ_ADVANCED_CONFIG_FILE": nowhere,
            "RABBITMQ_ENABLED_PLUGINS_FILE": nowhere,
            "RABBITMQ_ALLOW_INPUT": "1",  # it becomes the node instead of starting one
            # It shares the machine with all that is measured.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +S 1:1",
        }
        return {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))} | ours


def messages(url: str, queue: str) -> int:
    """Return how many messages of *queue* wait at the node of *url*; -1 where it does not say."""
    try:
        with amqp.Connection(urlsplit(url).netloc.rpartition("@")[2], connect_timeout=5) as connection:
            found: int = connection.channel().queue_declare(queue, passive=True).message_count
            return found
    except (OSError, amqp.AMQPError):
        return -1


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
