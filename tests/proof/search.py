"""Every world that the protocol can lead to, breadth first."""

from collections import deque

from protocol import ENDED, GHOST, NOBODY, Jobs, Protocol, Run, World

START = World()


def canonical(world: World) -> World:
    """Return one world for all that go on in the same way."""
    runs = tuple(_plain(run, r, world.workers) for r, run in enumerate(world.runs))
    first, second = world.workers
    if first <= second:
        return World(runs, world.workers)
    other = {0: 1, 1: 0}
    return World(tuple(run._replace(holder=other.get(run.holder, run.holder)) for run in runs), (second, first))


def _plain(run: Run, r: int, workers: tuple[Jobs, Jobs]) -> Run:
    """A token that nobody will send again is none, and of a run that has ended nothing else counts."""
    if run.state != "running" and (run.holder == GHOST or (run.holder < GHOST and not workers[run.holder][r].phase)):
        run = run._replace(holder=NOBODY, finished=False)
    return Run(run.state, run.holder) if run.state in ENDED else run


def explored(protocol: Protocol, start: World = START) -> tuple[list[World], list[list[int]]]:
    """Return every world that can come about from *start*, and for each the numbers of those that lead to it.

    Raises:
        Unsafe: one can come about that must not.
    """
    worlds, before = [start], [[]]
    known = {worlds[0]: 0}
    for number, world in enumerate(worlds):
        for reached in protocol.next(world):
            new = canonical(reached)
            if new not in known:
                known[new] = len(worlds)
                worlds.append(new)
                before.append([])
            before[known[new]].append(number)
    return worlds, before


def stuck(worlds: list[World], before: list[list[int]]) -> list[World]:
    """Return the worlds from which no way leads to the end of every run."""
    waiting = deque(n for n, world in enumerate(worlds) if all(run.state in ENDED for run in world.runs))
    reached = set(waiting)
    while waiting:
        for number in before[waiting.popleft()]:
            if number not in reached:
                reached.add(number)
                waiting.append(number)
    return [world for n, world in enumerate(worlds) if n not in reached]
