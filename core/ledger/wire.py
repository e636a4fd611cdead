"""Many commands in one write, their answers as they come: what a pipeline of redis-py does, at a third of the cost."""

import math
from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError

from core.ledger.flow import Words


class Wire:
    """Sends commands over connections of an async client's *pool*; it sets no limit to the time that takes."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def send(self, commands: Sequence[Words]) -> list[Any]:
        """Return the answers; an answer that is an error is returned, not raised.

        A connection that was lost is tried once more with a new one: all our scripts may be sent twice.
        """
        packed = b"".join([one if isinstance(one, bytes) else pack_command(one) for one in commands])
        try:
            return await self._once(packed, len(commands))
        except ConnectionLost:
            return await self._once(packed, len(commands))

    async def _once(self, packed: bytes, number: int) -> list[Any]:
        connection = await self._pool.get_connection()
        try:
            await connection.send_packed_command(packed, check_health=False)
            return [await _answer(connection) for _ in range(number)]
        except BaseException:  # answers may be on their way which the next one would take for its own
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error
