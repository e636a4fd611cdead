"""The loop's end: what runs is cancelled and cleans up, in silence; web answers as long as it may."""

import asyncio
import http.client
import itertools
import signal
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress

import pytest
from processes import REPOSITORY, clone
from waiting import wait_until

from core import leaving
from core import loop as rooms
from core.loop import Loop

PROGRAM = """
import asyncio, os, sys, threading
from core.loop import Loop

loop = Loop()
begun = threading.Event()

async def numbers():
    try:
        while True:
            yield 1
    finally:
        await asyncio.sleep(0)
        print("generator closed", flush=True)

generator = numbers()

async def work():
    await anext(generator)
    asyncio.get_running_loop().own = asyncio.create_task(clean("child"))
    await asyncio.sleep(0)
    begun.set()
    await clean("work")

async def clean(name):
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0.01)
        print(f"{name} cleaned up", flush=True)

future = loop.submit(work())
begun.wait()
"""


def program(end: str, code: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", code + end],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


ALL = ["child cleaned up", "generator closed", "work cleaned up"]


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit()",
        "loop.stop()\nloop.stop()",
        "threading.Thread(target=loop.stop).start()\nloop.stop()",
        "loop.soon(loop.stop)",
    ],
    ids=["end", "exit", "twice", "two threads", "on the loop"],
)
def test_all_is_cleaned_up_in_silence(end):
    found = program(end)
    assert sorted(found.stdout.splitlines()) == ALL
    assert (found.returncode, found.stderr) == (0, "")


def test_so_it_is_in_what_multiprocessing_forked():
    found = program(
        """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=run)
child.start()
child.join()
""",
        "def run():\n" + "\n".join(f"    {text}" for text in PROGRAM.splitlines()).replace("begun = ", "begun = "),
    )
    assert sorted(found.stdout.splitlines()) == ALL
    assert found.stderr == ""


def test_a_forked_child_leaves_the_parents_work_alone():
    found = program(
        """
import gc
child = os.fork()
if not child:
    async def answer(): return 7
    loop.run(answer())
    loop.stop()
    gc.collect()
    sys.exit(loop.run(answer()))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), future.done(), flush=True)
"""
    )
    assert sorted(found.stdout.splitlines()) == ["7 False", *ALL]
    noise = [text for text in found.stderr.splitlines() if "fork()" not in text and "os.fork" not in text]
    assert noise == []


def test_it_starts_again_after_a_stop():
    loop = Loop()

    async def answer():
        return 7

    for _ in range(3):
        assert loop.run(answer()) == 7
        loop.stop()
    loop.stop()


def test_what_cleans_up_is_still_on_its_loop():
    loop, begun, seen = Loop(), threading.Event(), []

    async def answer():
        return asyncio.get_running_loop()

    async def work():
        try:
            begun.set()
            await asyncio.sleep(3600)
        finally:
            seen.extend([loop.here(), await loop.carry(answer()), await asyncio.wrap_future(loop.submit(answer()))])
            seen.append(asyncio.get_running_loop())

    loop.submit(work())
    begun.wait(10)
    loop.stop()
    assert seen[0]
    assert seen[1] is seen[2] is seen[3]


def test_what_does_not_end_is_named_and_nobody_waits_for_it(monkeypatch):
    monkeypatch.setattr(rooms, "LAST_CHANCE", 0.1)
    loop, begun, left = Loop(), threading.Event(), []
    loop.stuck = left.append

    async def stubborn():
        begun.set()
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    future = loop.submit(stubborn())
    begun.wait()
    loop.stop()
    with pytest.raises(CancelledError):
        future.result(10)
    assert [name.rsplit(".")[-1] for name in left] == ["stubborn"]


def test_it_is_left_in_silence():
    found = program(
        """
import gc
from core import loop as room
room.LAST_CHANCE = 0.1
async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
loop.submit(stubborn())
loop.stop()
gc.collect()
"""
    )
    assert sorted(found.stdout.splitlines()) == ALL
    assert (found.returncode, found.stderr) == (0, "")


def test_a_cleanup_is_not_cancelled_by_a_second_call():
    loop, begun, cleans, cleaned = Loop(), threading.Event(), threading.Event(), []

    async def work():
        try:
            begun.set()
            await asyncio.sleep(3600)
        finally:
            cleans.set()
            await asyncio.sleep(0.1)
            cleaned.append(True)

    future = loop.submit(work())
    begun.wait(10)
    loop.cancel()
    cleans.wait(10)
    loop.cancel()
    with pytest.raises(CancelledError):
        future.result(10)
    assert cleaned
    loop.stop()


def test_a_signals_handler_may_stop_it_where_its_lock_is_held():
    loop = Loop()

    def handler_within():
        with loop._lock:
            loop.stop()

    thread = threading.Thread(target=handler_within, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_nobody_waits_for_ever_however_stop_and_submit_meet():
    loop = Loop()

    async def answer():
        await asyncio.sleep(0)
        return 7

    def ask(_):
        try:
            return loop.submit(answer()).result(10)
        except CancelledError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, n) for n in range(2000)]
        while not all(one.done() for one in asked):
            loop.stop()
        assert {one.result() for one in asked} <= {0, 7}
    loop.stop()


def test_a_cancelled_future_cancels_its_coroutine():
    loop, begun, ended = Loop(), threading.Event(), threading.Event()

    async def work():
        try:
            begun.set()
            await asyncio.sleep(3600)
        finally:
            ended.set()

    future = loop.submit(work())
    begun.wait(10)
    assert future.cancel()
    assert ended.wait(10)
    loop.stop()


def test_nothing_is_heard_where_granian_does_not_serve(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["granian", "--workers-kill-timeout", "10"])
    leaving.before_kill(lambda: None)
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        (["granian", "--workers-kill-timeout", "10", "core.main:app"], 10),
        (["granian", "--workers-kill-timeout=7", "core.main:app"], 7),
        (["granian", "--workers-kill-timeout", "12s"], 12),
        (["granian", "--workers-kill-timeout", "1m"], None),
        (["granian", "core.main:app"], None),
        (["granian", "--workers-kill-timeout"], None),
    ],
)
def test_the_servers_limit_is_read(arguments, seconds):
    assert leaving.kill_timeout(arguments) == seconds


def test_the_procfile_leaves_time_for_an_end():
    web = next(line for line in (REPOSITORY / "Procfile").read_text().splitlines() if line.startswith("web:"))
    assert leaving.kill_timeout(web.split()) >= leaving.NEEDED + 2 * rooms.LAST_CHANCE


SHOP = """
    import asyncio, os, signal, threading
    from pathlib import Path
    from flask import Blueprint
    from core import *

    shop = Blueprint("shop", __name__)
    notes = Path("notes")

    def note(text):
        with notes.open("a") as file:
            file.write(text + "\\n")

    class Paid(Event, type="paid"):
        n: int

    @on(Paid)
    async def thank(event): ...

    @shop.get("/sleep/<name>/<float:seconds>")
    async def sleep(name, seconds):
        note(f"{name} begun")
        try:
            await asyncio.sleep(seconds)
            return {"slept": seconds}
        except asyncio.CancelledError:
            note(f"{name} cancelled")
            raise
        finally:
            await asyncio.sleep(0.05)
            note(f"{name} cleaned up")

    @shop.get("/leave")
    async def leave():
        async def work():
            try:
                await asyncio.sleep(3600)
            finally:
                receipt = await emit_async(Paid(n=-1))
                note(f"last {receipt.id}")
        shop.own = asyncio.create_task(work())
        return {}

    @shop.get("/fork")
    def fork():
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(1)
        return {"ended": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}

    @shop.after_request
    async def after(response):
        await asyncio.sleep(0)
        response.headers["After"] = "yes"
        return response
"""


def serve(house, *options):
    web = [
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(house.port),
        "--blocking-threads",
        "4",
    ]
    with (house.folder / "web.log").open("ab") as log, (house.folder / "web.err").open("ab") as errors:
        house.processes["web"] = subprocess.Popen(
            [*web, *options, "core.main:app"],
            cwd=house.folder,
            env=house.environment,
            stdout=log,
            stderr=errors,
            start_new_session=True,
        )

    def answers():
        try:
            return house.request("GET", "/healthz")[0] == 200
        except OSError:
            return False

    wait_until(answers, timeout=30, what="web answers")
    return house.processes["web"]


def notes(house):
    path = house.folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


def get(house, path):
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["Retry-After"], answer.headers["After"]
    finally:
        connection.close()


@pytest.mark.processes
def test_a_web_process_answers_what_it_can_cancels_the_rest_and_loses_nothing(tmp_path):
    """SIGHUP under load, then SIGTERM."""
    with ThreadPoolExecutor(5) as pool, clone(tmp_path, handlers__shop=SHOP) as house:  # its end ends the senders
        web = serve(house, "--workers-kill-timeout", "3")
        assert get(house, "/leave")[0] == 200
        assert house.request("GET", "/fork") == (200, {"ended": 0})
        assert get(house, "/sleep/other/1.5")[0] == 200  # the child's signal was not heard here
        accepted = set()

        def send(sender):
            with suppress(OSError, http.client.HTTPException):  # the listener is gone
                for n in itertools.count():
                    body = {"type": "paid", "id": f"{sender}-{n}", "data": {"n": n}}
                    status, answer = house.request("POST", "/api/v1/events", body)
                    if status == 202:
                        accepted.add(answer["id"])

        senders = [pool.submit(send, sender) for sender in range(2)]
        long = pool.submit(get, house, "/sleep/long/3600.0")
        wait_until(lambda: len(accepted) > 100 and "long begun" in notes(house), what="100 are accepted")
        short = pool.submit(get, house, "/sleep/short/0.2")
        wait_until(lambda: "short begun" in notes(house), what="it has begun")
        web.send_signal(signal.SIGHUP)
        assert short.result() == (200, None, "yes")
        assert long.result() == (503, "1", "yes")
        accepted.add(wait_until(lambda: said(house, "last "), what="the background has ended"))
        so_far = len(accepted)
        wait_until(lambda: len(accepted) > so_far + 100, what="100 more are accepted")
        web.send_signal(signal.SIGTERM)
        assert web.wait(20) == 0
        for sender in senders:
            sender.result()
        assert {"long cancelled", "long cleaned up", "short cleaned up"} <= set(notes(house))
        assert "short cancelled" not in notes(house)
        assert errors(house) == []
        serve(house)
        assert accepted <= recorded(house)


def said(house, word):
    return next((text.removeprefix(word) for text in notes(house) if text.startswith(word)), None)


def errors(house):
    """Return what looks like an error in the output of web."""
    said = (house.folder / "web.err").read_text() + house.log("web")
    return [line for line in said.splitlines() if any(word in line for word in ("Traceback", "ERROR", "destroyed"))]


def recorded(house):
    found, path = set(), "/api/v1/events?limit=500"
    while path:
        page = house.request("GET", path)[1]
        found |= {event["id"] for event in page["items"]}
        path = page["next"] and f"/api/v1/events?limit=500&cursor={page['next']}"
    return found
