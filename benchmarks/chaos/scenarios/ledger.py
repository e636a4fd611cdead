"""The Redis server dies, freezes, is cut off, or answers and the answer is lost."""

from benchmarks.chaos.criteria import (
    accepts_again,
    answers_within,
    done_once,
    drains,
    kept,
    never_restarted,
    nobody_exits,
    rarely_twice,
    recovers,
    refuses,
)
from benchmarks.chaos.faults import At, Each
from benchmarks.chaos.load import Load
from benchmarks.chaos.scenario import Scenario
from benchmarks.chaos.shape import Shape

ROAD = Shape(proxy=True)
REFUSED = (kept, refuses(), answers_within(2, 5), nobody_exits)

SCENARIOS = (
    Scenario(
        name="C5a",
        title="the Redis server is killed and started again on its data, twice",
        load=Load(4000, 100),
        faults=(At(12, "kill_server"), At(25, "kill_server")),
        criteria=(kept, rarely_twice(), accepts_again("kill_server", 10), nobody_exits),
    ),
    Scenario(
        name="C5b",
        title="the same with appendfsync always",
        load=Load(4000, 100),
        faults=(At(12, "kill_server"), At(25, "kill_server")),
        shape=Shape(fsync="always"),
        criteria=(kept, rarely_twice(), accepts_again("kill_server", 10), nobody_exits),
    ),
    Scenario(
        name="C7",
        title="workers, web, beat and Redis are killed, all in one run",
        load=Load(28_000, 100),
        faults=(
            Each(6, ("kill_worker",)),
            Each(10, ("kill_web_child", "kill_web_child", "kill_web"), first=4),
            Each(15, ("kill_beat",), first=9),
            Each(25, ("kill_server",), first=15),
        ),
        criteria=(kept, rarely_twice(), recovers(30), drains(90)),
    ),
    Scenario(
        name="C11a",
        title="Redis is down for 30 s",
        load=Load(2500, 50),
        faults=(At(8, "server_down"), At(38, "server_up")),
        criteria=(*REFUSED, accepts_again("server_up", 2)),
    ),
    Scenario(
        name="C11b",
        title="Redis is frozen for 20 s",
        load=Load(2500, 50),
        faults=(At(8, "freeze_server"), At(28, "thaw_server")),
        criteria=(*REFUSED, accepts_again("thaw_server", 2)),
    ),
    Scenario(
        name="C11c",
        title="the road to Redis is a black hole for 20 s",
        load=Load(2500, 50),
        faults=(At(8, "road_black_hole"), At(28, "road_fine")),
        shape=ROAD,
        criteria=(*REFUSED, accepts_again("road_fine", 2)),
    ),
    Scenario(
        name="C12",
        title="5 % of all answers of Redis are lost after their command was executed",
        load=Load(3000, 50),
        faults=(At(0.5, "road_cut", 0.05), At(59, "road_fine")),
        shape=ROAD,
        criteria=(kept, done_once, never_restarted, nobody_exits),
    ),
    Scenario(
        name="C17",
        title="all connections to Redis are reset each second, under handlers of 5 s",
        load=Load(60, 3, milliseconds=5000),
        faults=(Each(1, ("road_reset",), first=2),),
        shape=Shape(proxy=True, children=16),
        criteria=(kept, done_once, never_restarted, nobody_exits),
    ),
)
