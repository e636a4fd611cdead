"""Asks the web process whether the application is ready, and says so once."""

import asyncio
from collections.abc import Callable

from core import clock

POLL = 0.15
SLOW_POLL = 1.0  # after ten seconds something is wrong, and asking often only fills the log
PATIENCE = 60.0


async def wait_until_ready(port: int, complain: Callable[[str], None]) -> None:
    """Return when ``/readyz`` answers 200; tell *complain* every minute what it answers instead."""
    began = clock.monotonic()
    complain_at = began + PATIENCE
    while True:
        status, rest = await ask(port)
        if status == 200:
            return
        if clock.monotonic() >= complain_at:
            complain(f"not ready after {PATIENCE:.0f} seconds: {rest or f'/readyz answers {status}'}")
            complain_at += PATIENCE
        await asyncio.sleep(POLL if clock.monotonic() - began < 10 else SLOW_POLL)


async def ask(port: int) -> tuple[int, str]:
    """GET ``/readyz``: its status (0: no answer) and its text."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                answer = (await reader.read(1 << 16)).decode(errors="replace")
                while more := (await reader.read(1 << 16)).decode(errors="replace"):
                    answer += more
            finally:
                writer.close()
    except TimeoutError:
        return 0, "/readyz did not answer within 5 seconds"
    except OSError:
        return 0, f"nothing listens on port {port} yet"
    head, _, body = answer.partition("\r\n\r\n")
    status = head.split(" ")[1] if head.count(" ") else ""
    return int(status) if status.isdecimal() else 0, " ".join(body.split())
