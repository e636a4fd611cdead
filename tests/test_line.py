"""Questions that share a pipeline: each asker gets its own answers, and pays for nobody else's trouble."""

import asyncio

from fibering import until

from core.ledger.line import MOST, Line


class Sent(list):
    """What goes through a line, batch by batch; *answer* makes each command's answer."""

    def __init__(self, answer=lambda command: command):
        super().__init__()
        self.answer = answer

    async def __call__(self, commands):
        self.append(list(commands))
        await asyncio.sleep(0)
        return [self.answer(command) for command in commands]


def asked(line, *words):
    return line.ask([("ECHO", word) for word in words])


def test_answers_go_to_their_askers_in_order():
    async def main():
        sent = Sent()
        line = Line(sent)
        sizes = [n % 5 + 1 for n in range(1000)]
        found = await asyncio.gather(*(asked(line, *[(n, i) for i in range(size)]) for n, size in enumerate(sizes)))
        assert found == [[("ECHO", (n, i)) for i in range(size)] for n, size in enumerate(sizes)]
        assert [command for batch in sent for command in batch] == [command for one in found for command in one]
        assert max(map(len, sent)) <= 256
        assert len(sent) < sum(sizes) / MOST * 2

    asyncio.run(main())


def test_a_question_longer_than_a_pipeline_goes_by_itself():
    async def main():
        sent = Sent()
        line = Line(sent)
        await asyncio.gather(asked(line, "a"), asked(line, *range(MOST + 1)), asked(line, "b"), asked(line, "c"))
        assert [len(batch) for batch in sent] == [1, MOST + 1, 2]

    asyncio.run(main())


def test_one_failure_fails_its_batch_only():
    async def main():
        async def exchange(commands):
            await asyncio.sleep(0)
            if ("ECHO", "bad") in commands:
                raise OSError("broken")
            return commands

        line = Line(exchange)
        many = [asked(line, n) for n in range(MOST)]
        bad = [asked(line, "bad"), asked(line, "its neighbour")]
        more = [asked(line, n) for n in range(MOST - 1)]
        found = await asyncio.gather(*many, *bad, *more, return_exceptions=True)
        assert [type(one) is OSError for one in found].count(True) == MOST
        assert all(isinstance(one, OSError) for one in found[MOST : 2 * MOST])
        assert await asked(line, "after") == [("ECHO", "after")]

    asyncio.run(main())


def test_a_cancelled_asker_harms_nobody():
    async def main():
        sent = Sent()
        line = Line(sent)
        first = asked(line, "first")
        await until(lambda: sent, "it is on its way")
        waiting = [asked(line, n) for n in range(3)]
        first.cancel()
        waiting[1].cancel()
        assert await waiting[0] == [("ECHO", 0)]
        assert await waiting[2] == [("ECHO", 2)]
        assert sent == [[("ECHO", "first")], [("ECHO", 0), ("ECHO", 2)]]

    asyncio.run(main())


def test_whoever_waits_when_the_line_is_cancelled_is_told_and_the_next_is_served():
    async def main():
        sent = Sent()
        line = Line(sent)
        waiting = [asked(line, n) for n in range(MOST + 1)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        [serving] = asyncio.all_tasks() - {asyncio.current_task()}
        serving.cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in found} == {ConnectionError}
        assert await asked(line, "next") == [("ECHO", "next")]

    asyncio.run(main())
