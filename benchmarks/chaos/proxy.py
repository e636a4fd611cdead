"""A road to Redis that can be made long, blocked, broken, or forgetful: it cuts answers of what was executed."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Road:
    """How the road is at the moment.

    *latency* is seconds added to each answer. Under *black_hole* nothing comes through and nothing is closed;
    under *refuse* new connections are closed at once and old ones are broken. *cut* is the share of answers that
    are thrown away together with their connection: the server has executed what they answer.
    """

    latency: float = 0.0
    black_hole: bool = False
    refuse: bool = False
    cut: float = 0.0


@dataclass
class Proxy:
    """A TCP proxy on a free port of 127.0.0.1, on a thread of its own. Change ``road`` at any time."""

    server_port: int
    seed: int = 0
    road: Road = field(default_factory=Road)
    port: int = 0
    cuts: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._random = random.Random(self.seed)
        self._server: asyncio.Server | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)

    def start(self) -> "Proxy":
        self._thread.start()
        self._ready.wait(10)
        return self

    def reset(self) -> None:
        """Break every connection that is open now, as a router that lost its state would."""
        self._loop.call_soon_threadsafe(self._break_all)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._server.close()
        self.road.black_hole = False
        self._break_all()
        if going := asyncio.all_tasks(self._loop):
            self._loop.run_until_complete(asyncio.wait(going, timeout=5))
        self._loop.close()

    def _break_all(self) -> None:
        for writer in list(self._open):
            _break(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.road.refuse:
            _break(writer)
            return
        try:
            server: Streams = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            _break(writer)
            return
        ends = {writer, server[1]}
        self._open |= ends
        try:
            await asyncio.gather(self._pump(reader, server[1]), self._pump(server[0], writer, answers=True))
        except OSError:
            pass
        finally:
            for end in ends:
                _break(end)
            self._open -= ends

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, answers: bool = False) -> None:
        while found := await source.read(65536):
            if answers:
                await self._delay(found)
            while self.road.black_hole:  # noqa: ASYNC110 - other threads change the road
                await asyncio.sleep(0.05)
            target.write(found)
            await target.drain()
        raise ConnectionResetError

    async def _delay(self, answer: bytes) -> None:
        if self.road.latency:
            await asyncio.sleep(self.road.latency)
        # The handshake's answers pass: a client that never gets through proves nothing.
        if self.road.cut and not answer.startswith((b"+OK", b"%", b"*14")) and self._random.random() < self.road.cut:
            self.cuts += 1
            raise ConnectionResetError


def _break(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset and not an orderly end."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
