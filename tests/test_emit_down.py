"""emit while the ledger is down: it fails soon, and never hangs."""

import asyncio
import os
import signal
import time

import pytest
import redis

from core import emit, emit_async
from core.errors import EmitUnavailable
from core.house import house
from core.testing import application, server

PLACED = "from core import *\nclass Placed(Event, type='order.placed'):\n    order_id: int"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "frozen"])
def test_without_a_ledger_it_fails_soon(package, how):
    async def many():
        emits = (emit_async(placed(order_id=n)) for n in range(100))
        async with asyncio.timeout(10):
            return await asyncio.gather(*emits, return_exceptions=True)

    with server() as url, application(url, packages=(package(subject=PLACED),)) as app, app.app_context():
        placed = house(app).catalog.types["order.placed"]
        emit(placed(order_id=0))
        with redis.Redis.from_url(url) as client:
            pid = client.info("server")["process_id"]
        os.kill(pid, how)
        try:
            begun = time.monotonic()
            with pytest.raises(EmitUnavailable):
                emit(placed(order_id=1), id="again")
            assert time.monotonic() - begun < 3
            begun = time.monotonic()
            assert {type(found) for found in asyncio.run(many())} == {EmitUnavailable}
            assert time.monotonic() - begun < 3
        finally:
            if how == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
