"""Workers that do not agree: on the time, or on the version of the project."""

from benchmarks.chaos.criteria import kept, nobody_exits, rarely_twice, recovers, waits
from benchmarks.chaos.faults import Each
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.shape import Shape

LOAD = Load(4000, 100)
KILLS = (Each(4, ("kill_worker",)),)
CRITERIA = (kept, rarely_twice(), recovers(30), waits(40), nobody_exits)

SCENARIOS = (
    Scenario(
        name="C20a",
        title="C2, and the clock of one worker is 5 minutes ahead",
        load=LOAD,
        faults=KILLS,
        shape=Shape(skewed=300),
        criteria=CRITERIA,
    ),
    Scenario(
        name="C20b",
        title="C2, and the clock of one worker is 5 minutes behind",
        load=LOAD,
        faults=KILLS,
        shape=Shape(skewed=-300),
        criteria=CRITERIA,
    ),
    Scenario(
        name="C27",
        title="C2, and one worker runs the previous version",
        load=LOAD,
        faults=KILLS,
        shape=Shape(mixed=True),
        adapters=("ours",),
        criteria=CRITERIA,
    ),
)
