"""What a worker of the tests of the pool runs: handlers with every odd end, and plain tasks."""

HANDLERS = """
    import asyncio, os, threading
    from pathlib import Path
    from celery.signals import task_prerun
    from flask import current_app, g
    from core import Event, awaiting, calling, emit, emit_async, on, run

    awaiting.LAST_CHANCE = calling.LAST_CHANCE = 0.5
    here = Path(__file__).parent
    if os.environ.get("TEST_LISTEN"):
        task_prerun.connect(lambda **_: None, weak=False)
    gate = here / "shut"

    class Napped(Event, type="napped"):
        n: int = 0

    class Woken(Event, type="woken"):
        n: int = 0
        late: bool = False

    class Worked(Event, type="worked"):
        n: int = 0

    class Odd(Event, type="odd"):
        n: int = 0
        what: str

    class Timed(Event, type="timed"):
        n: int = 0
        what: str

    class Noted(Event, type="noted"):
        n: int = 0

    class Named(Event, type="named"):
        n: int = 0

    class Stop(BaseException):
        pass

    napping: list[asyncio.Event] = []

    def write(file: str, line: str) -> None:
        with (here / file).open("a") as out:
            out.write(line + "\\n")

    @on(Napped, name="nap", queue="io")
    async def nap(event: Napped) -> int:
        napping.append(woken := asyncio.Event())
        await woken.wait()
        return event.n

    @on(Woken, name="wake", queue="io")
    async def wake(event: Woken) -> int:
        while event.late and not (here / "wake").exists():
            await asyncio.sleep(0.05)
        for one in napping:
            one.set()
        napping.clear()
        return event.n

    @on(Worked, name="work")
    def work(event: Worked) -> int:
        while gate.exists():
            threading.Event().wait(0.05)
        return event.n

    @on(Noted, name="note")
    def note(event: Noted) -> int:
        return event.n

    @on(Odd, name="odd.async", queue="io", retries=0)
    async def odd_async(event: Odd):
        await asyncio.sleep(0)
        return await ODD[event.what]()

    @on(Odd, name="odd.sync", retries=0)
    def odd_sync(event: Odd):
        return SYNC[event.what]() if event.what in SYNC else None

    async def name_of_child(number: int) -> str:
        await asyncio.sleep(0)
        assert g.number == number
        return run.id

    @on(Named, name="name", queue="io")
    async def name(event: Named) -> list:
        g.number = event.n
        seen = set()
        for turn in range(5):
            await asyncio.sleep(0.001 * (event.n % 7 + turn))
            seen.add((run.id, g.number, current_app.name, await asyncio.create_task(name_of_child(event.n))))
        [one] = seen
        return list(one)

    def leave():
        raise SystemExit(3)

    def interrupt():
        raise KeyboardInterrupt

    def cancel():
        raise asyncio.CancelledError

    def stop():
        raise Stop("now")

    def close():
        raise GeneratorExit

    def first_of_none():
        return next(iter([]))

    def deep():
        return deep() + 1

    def steps():
        yield 1

    def speak():
        return emit(Noted(n=1)).type

    SYNC = {f.__name__: f for f in (leave, interrupt, cancel, stop, close, first_of_none, deep, steps, speak)}

    def as_async(function):
        async def call():
            return function()
        return call

    async def deep_async():
        return await deep_async() + 1

    async def refused():
        try:
            emit(Noted(n=2))
        except Exception as error:
            return str(error)

    async def speak_async():
        return (await emit_async(Noted(n=3))).type

    async def speak_from_thread():
        return await asyncio.to_thread(speak)

    async def steps_async():
        async def inner():
            yield 1
        return inner()

    async def own_cancel():
        asyncio.current_task().cancel()
        return "ended well"

    async def swallowed():
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return "stayed"

    ODD = {name: as_async(function) for name, function in SYNC.items() if name not in ("speak", "steps")}
    for one in (deep_async, refused, speak_async, speak_from_thread, steps_async, own_cancel, swallowed):
        ODD[one.__name__] = one

    @on(Timed, name="timed.async", queue="io", retries=0, timeout=0.5)
    async def timed_async(event: Timed) -> str:
        if event.what == "quick":
            return "in time"
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            if event.what != "stubborn":
                raise
            await asyncio.sleep(2)
            write("late", "ended late")
            return "late"
        finally:
            await asyncio.sleep(0)
            write("cleaned", event.what)
        return ""

    @on(Timed, name="timed.sync", retries=0, timeout=0.5)
    def timed_sync(event: Timed) -> str:
        if event.what == "quick":
            return "in time"
        if event.what == "stubborn":
            threading.Event().wait(3)
        return "late"

    @on(Timed, name="timed.raises", retries=0, timeout=5)
    def timed_raises(event: Timed) -> None:
        next(iter([]))
"""
PLAIN = """
    import asyncio
    from celery import current_task, shared_task
    from flask import current_app, g

    async def child(number: int) -> list:
        await asyncio.sleep(0)
        return [number == g.number, current_app.name, plain_async.request.id]

    @shared_task(bind=True, name="plain.async", ignore_result=False)
    async def plain_async(self, number: int, turns: int = 5) -> list:
        g.number = number
        seen = set()
        for turn in range(turns):
            await asyncio.sleep(0.001 * (number % 7 + turn))
            context = current_app._get_current_object().name
            seen.add((self.request.id, current_task.request.id, g.number, context, plain_async.request.id))
        [one] = seen
        same, name, ident = await asyncio.create_task(child(number))
        assert (same, name, ident) == (True, "carillon", self.request.id)
        return list(one)

    @shared_task(bind=True, name="plain.tell", ignore_result=False)
    async def plain_tell(self) -> str:
        self.update_state(state="PROGRESS", meta={"done": 1})
        await asyncio.sleep(0)
        found = self.AsyncResult(self.request.id).state
        return found

    def broken(number: int) -> float:
        return number / 0

    @shared_task(name="plain.fails", ignore_result=False)
    async def plain_fails() -> float:
        await asyncio.sleep(0)
        return broken(1)

    @shared_task(bind=True, name="plain.retries", ignore_result=False, max_retries=3)
    async def plain_retries(self) -> int:
        await asyncio.sleep(0)
        if self.request.retries < 2:
            raise self.retry(countdown=0, exc=ValueError("again"))
        return self.request.retries

    @shared_task(name="plain.sync", ignore_result=False)
    def plain_sync(number: int) -> list:
        return [number, current_task.name, current_app.name]
"""
