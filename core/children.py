"""The process beside a worker that runs suspects: it forks a child for each, and ends them all with its worker.

It has loaded the application, opened no connection and started no thread, so that a fork is quick, small and safe.
"""

import os
import selectors
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

READY = "ready"


def serve(execute: Callable[[str, str], None], orders: int, answers: IO[str]) -> None:
    """Fork a child for each ``run token`` line of *orders*, which executes it; answer ``token status`` when it ends.

    Returns when the worker has closed its end, with all children killed.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _nothing)
    children: dict[int, str] = {}
    deaths = _deaths()
    with selectors.DefaultSelector() as ready:
        for source in (orders, deaths):
            ready.register(source, selectors.EVENT_READ)
        print(READY, file=answers, flush=True)
        rest = b""
        while True:
            for key, _ in ready.select():
                got = os.read(key.fd, 65536)
                if key.fd == deaths:
                    for token, status in _ended(children):
                        print(token, status, file=answers, flush=True)
                    continue
                if not got:
                    _kill(children)
                    return
                *lines, rest = (rest + got).split(b"\n")
                for line in lines:
                    run, token = line.decode().split()
                    children[_fork(execute, run, token)] = token


def _fork(execute: Callable[[str, str], None], run: str, token: str) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        execute(run, token)
        sys.stdout.flush()
    finally:
        os._exit(0)


def _deaths() -> int:
    """Return a pipe that can be read when a child has ended."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    return reads


def _ended(children: dict[int, str]) -> Iterator[tuple[str, int]]:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        if pid in children:
            yield children.pop(pid), os.waitstatus_to_exitcode(status)


def _kill(children: dict[int, str]) -> None:
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _nothing(*_: Any) -> None:
    """Take a signal and do nothing: the worker decides when its children end. Unlike SIG_IGN no exec inherits it."""
