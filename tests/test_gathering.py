"""What is worked on by the batch: nobody waits for company, nobody is forgotten, and there are two batches at most."""

import asyncio

from fibering import until

from core.gathering import MOST, MUCH, Gathering


class Worked(list):
    """The batches, in order; each takes until ``gate`` is open."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()
        self.going = self.most = 0

    async def __call__(self, batch):
        self.append(batch)
        self.going += 1
        self.most = max(self.most, self.going)
        await self.gate.wait()
        self.going -= 1


def test_who_comes_alone_goes_at_once_and_the_rest_go_together():
    async def main():
        worked = Worked()
        gathering = Gathering(worked)
        gathering.put(0)
        await until(lambda: worked == [[0]], "the first is at work")
        for n in range(1, MUCH):
            gathering.put(n)
        await asyncio.sleep(0.01)
        assert worked == [[0]]
        worked.gate.set()
        await until(lambda: len(worked) == 2, "the rest follow")
        assert worked[1] == list(range(1, MUCH))

    asyncio.run(main())


def test_where_much_waits_there_are_two_batches_at_once_and_no_more():
    async def main():
        worked = Worked()
        gathering = Gathering(worked)
        items = list(range(10 * MOST))
        for n in items:
            gathering.put(n)
            await asyncio.sleep(0)
        await until(lambda: worked.going == 2, "two are under way")
        worked.gate.set()
        await until(lambda: sum(map(len, worked)) == len(items), "all are done")
        assert sorted(n for batch in worked for n in batch) == items
        assert (worked.most, max(map(len, worked))) == (2, MOST)
        gathering.put("late")
        await until(lambda: worked[-1] == ["late"], "it serves again")

    asyncio.run(main())
