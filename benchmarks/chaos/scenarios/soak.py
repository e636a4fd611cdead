"""Hours of load with a fault now and then; and the smoke that the test run has time for."""

from benchmarks.chaos.criteria import kept, rarely_twice, recovers, stays_lean
from benchmarks.chaos.faults import Each
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario

SOAK = Scenario(
    name="C28",
    title="30 minutes of load with a random fault each 30 s",
    load=Load(30 * 60 * 50, 50),
    faults=(Each(30, ("kill_worker", "kill_web_child", "kill_web", "kill_beat", "kill_server"), first=90),),
    criteria=(kept, rarely_twice(), recovers(30), stays_lean()),
    adapters=("ours",),
    soak=True,
)
SMOKE = Scenario(
    name="smoke",
    title="3,000 events offered until accepted, kills of worker, web and Redis",
    load=Load(3000, 60, again=True),
    faults=(
        Each(9, ("kill_worker",)),
        Each(13, ("kill_web_child", "kill_web"), first=5),
        Each(22, ("kill_server",), first=16),
    ),
    criteria=(kept, rarely_twice(), recovers(90)),
    adapters=("ours",),
    soak=True,
)
SCENARIOS = (SOAK, SMOKE)
