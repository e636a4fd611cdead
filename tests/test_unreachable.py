"""A ledger that cannot be reached says so, and soon."""

import asyncio
import socket
from contextlib import contextmanager

import pytest
from bench import event

from core.causes import Keyring
from core.clock import monotonic
from core.errors import LedgerUnavailable
from core.ledger.acceptance import Request, accept
from core.ledger.keys import Keys
from core.ledger.store import AsyncLedger, Ledger

PATIENCE = 0.3  # seconds for one answer
LIMIT = 2.8 * PATIENCE  # a command is sent twice


@contextmanager
def refused(_):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def silent(_):
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


@contextmanager
def silent_socket(folder):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s"))
        listening.listen()
        yield f"unix://{folder / 's'}?db=0"


@contextmanager
def crowded_socket(folder):
    """A Unix socket whose queue of connections is full: even connecting does not end."""
    with silent_socket(folder) as url, socket.socket(socket.AF_UNIX) as listening:
        path = folder / "full"
        listening.bind(str(path))
        listening.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(str(path))
        yield url.replace(str(folder / "s"), str(path))
        for one in waiting:
            one.close()


PLACES = [refused, silent, silent_socket, crowded_socket]


def flow():
    return accept(Keys("u"), Keyring(("key",)), event(), [Request(task="t", queue="q")])


@pytest.mark.parametrize("place", PLACES)
def test_from_a_thread(place, tmp_path):
    with place(tmp_path) as url:
        ledger, begun = Ledger(url, patience=PATIENCE), monotonic()
        with pytest.raises(LedgerUnavailable, match="did not answer"):
            ledger.run(flow())
        assert monotonic() - begun < LIMIT
        ledger.close()


@pytest.mark.parametrize("place", PLACES)
def test_from_a_loop(place, tmp_path):
    async def here(awaitable):
        return await awaitable

    async def story(url):
        ledger, begun = AsyncLedger(url, here, patience=PATIENCE), monotonic()
        found = await asyncio.gather(*(ledger.run(flow()) for _ in range(3)), return_exceptions=True)
        await ledger.close()
        return found, monotonic() - begun

    with place(tmp_path) as url:
        found, seconds = asyncio.run(story(url))
    assert [type(error) for error in found] == [LedgerUnavailable] * 3
    assert seconds < LIMIT
