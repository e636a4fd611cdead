"""What all our connections to a broker have in common: they try again each second, as long as it takes."""

from typing import Any

from kombu.connection import Connection as KombuConnection

RETRY_EACH = 1.0  # seconds between two tries to connect


class Connection(KombuConnection):
    """A connection of a consumer that is soon back, however long its broker was away."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        steady = {"interval_start": RETRY_EACH, "interval_step": 0, "interval_max": RETRY_EACH}
        return super().ensure_connection(*args, **steady | options)
