"""Handlers that kill their own process."""

from benchmarks.chaos.criteria import crash_loops, kept, waits
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario

SCENARIOS = (
    Scenario(
        name="C14",
        title="10 handlers among 2,000 kill their process",
        load=Load(1000, 15, poison=100),
        drain=180,
        criteria=(kept, crash_loops(3), waits(5, 0.99)),
    ),
)
