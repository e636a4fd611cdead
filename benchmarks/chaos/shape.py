"""How the house of a scenario is built: how many processes, which pool, what stands in between."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """*children* is the size of Celery's prefork pool, and of ours with *prefork*; else ours has its own default.

    With *proxy* the way to Redis leads through a proxy; with *rabbitmq* the broker is a RabbitMQ node of its own.
    *skewed* gives the first worker a clock that is wrong by so many seconds; *mixed* runs it from the previous commit.
    """

    workers: int = 2
    webs: int = 2
    children: int = 4
    threads: int = 0  # of each of our workers, where their default of 32 is not wanted
    prefork: bool = False
    proxy: bool = False
    rabbitmq: bool = False
    skewed: int = 0
    mixed: bool = False
    fsync: str = "everysec"  # of the Redis server; or always
    environment: dict[str, str] = field(default_factory=dict)
