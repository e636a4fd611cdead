"""The Redis server is full."""

from benchmarks.chaos.criteria import done_once, kept, nobody_exits, refuses
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario

SCENARIOS = (
    Scenario(
        name="C13",
        title="Redis is filled to maxmemory with pending runs, then drained without an operator",
        load=Load(5000, 250),
        before=("hold_workers", ("limit_memory", 12)),
        after=("release_workers",),
        drain=150,
        criteria=(kept, done_once, refuses(), nobody_exits),
    ),
)
