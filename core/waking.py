"""A sleep that ends early when somebody has changed a schedule, or a beat has given up its lead."""

import time

import redis
from redis.exceptions import RedisError

from core.clock import monotonic


class Waking:
    """Sleeps for one beat. *channel* is where others wake it."""

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self._client = client
        self._channel = channel
        self._heard: redis.client.PubSub | None = None

    def wait(self, seconds: float) -> bool:
        """Sleep *seconds*, or until somebody wakes it: then return True. Without the server it just sleeps."""
        end = monotonic() + seconds
        try:
            heard = self._heard or self._listening()
            while (left := end - monotonic()) > 0:
                if heard.get_message(ignore_subscribe_messages=True, timeout=left):
                    while heard.get_message(ignore_subscribe_messages=True):
                        pass  # what was said meanwhile wakes only once
                    return True
        except (RedisError, OSError):
            self._heard = None
            time.sleep(max(0.0, end - monotonic()))
        return False

    def _listening(self) -> redis.client.PubSub:
        heard: redis.client.PubSub = self._client.pubsub()  # type: ignore[no-untyped-call]
        heard.subscribe(self._channel)
        self._heard = heard
        return heard
