"""The ledger goes away in the middle of things, and comes back: done work stays done and nothing is lost."""

import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import bench as benches
import invariants
import pytest
from bench import event
from piping import Pipe
from waiting import wait_until

from core.embedded import running
from core.ledger.acceptance import Request, accept
from core.ledger.running import claim, finish, release
from core.ledger.store import Ledger

HANDLERS = """
import threading
from core import Event, on

class Asked(Event, type="asked"):
    pass

calls, begun, may_end = [], threading.Event(), threading.Event()

@on(Asked, retries=0)
def work(event):
    calls.append(1)
    begun.set()
    may_end.wait(10)
    return "done"
"""


class Following(threading.Thread):
    """A worker's thread that follows one hint."""

    def __init__(self, pipe, run):
        super().__init__(daemon=True)
        self.pipe, self.run_id, self.verdict = pipe, run, ""
        self.start()

    def run(self):
        self.verdict = self.pipe.runner.execute(self.run_id)


def test_work_that_is_done_while_the_server_is_away_is_recorded_when_it_is_back(make_app, tmp_path):
    with running(tmp_path) as url:
        pipe = Pipe(make_app(HANDLERS, redis_url=url))
        [ident, other] = pipe.emit("asked") + pipe.emit("asked")
        following = Following(pipe, ident)
        wait_until(pipe.subject["begun"].is_set)
    pipe.subject["may_end"].set()
    late = Following(pipe, other)
    following.join(0.5)
    assert following.is_alive()
    with running(tmp_path):
        following.join(10)
        late.join(10)
        assert (following.verdict, late.verdict) == ("succeeded", "succeeded")
        for run in (ident, other):
            view = pipe.view(run)
            assert (view["state"], view["attempt"], view["result"]) == ("succeeded", 1, "done")
        assert pipe.runner.execute(ident) == "succeeded"
        assert len(pipe.subject["calls"]) == 2
        pipe.hold()


def test_a_worker_that_stops_waits_for_no_server(make_app, tmp_path):
    with running(tmp_path) as url:
        pipe = Pipe(make_app(HANDLERS, redis_url=url))
        [ident, other] = pipe.emit("asked") + pipe.emit("asked")
        following = Following(pipe, ident)
        wait_until(pipe.subject["begun"].is_set)
    late = Following(pipe, other)
    assert pipe.runner.release_all() == 0
    pipe.subject["may_end"].set()
    following.join(5)
    late.join(5)
    assert late.verdict == "unreachable"
    with running(tmp_path):
        assert [pipe.view(run)["state"] for run in (ident, other)] == ["running", "pending"]


class Proxy:
    """A road to the server on which answers get lost: *lose* holds how many more."""

    def __init__(self, server_path: str, folder) -> None:
        self.server_path = server_path
        self.lose = 0
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(folder / "proxy"))
        self.listening.listen()
        self.url = f"unix://{folder / 'proxy'}?db=0"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.server_path)
                threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source, target, answers: bool) -> None:
        with suppress(OSError), source, target:
            while found := source.recv(65536):
                if answers and self.lose and found != b"OK\r\n+OK\r\n":
                    self.lose -= 1
                    break
                target.sendall(found)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(url, folder):
    proxy = Proxy(url.removeprefix("unix://").partition("?")[0], folder)
    ledger = Ledger(proxy.url, patience=0.5)
    with ExitStack() as stack:
        stack.callback(proxy.listening.close)
        stack.callback(ledger.close)
        ledger.client.ping()
        yield proxy, ledger


@pytest.fixture
def bench(server_url):
    with benches.opened(server_url) as opened:
        opened.finish(opened.running())
        opened.release(opened.running())
        yield opened


def test_every_script_may_be_sent_again_when_its_answer_is_lost(bench, server_url, tmp_path):
    keys = bench.keys
    with proxied(server_url, tmp_path) as (proxy, ledger):

        def lost(flow):
            proxy.lose = 1
            found = ledger.run(flow)
            assert proxy.lose == 0
            invariants.hold(bench.client, keys)
            return found

        wanted = [Request(task="t", queue="q")] * 3
        accepted = lost(accept(keys, bench.keyring, event(), wanted, "POST /events key"))
        assert (accepted.duplicate, len(accepted.runs)) == (False, 3)
        first, second, third = [run for run, _ in accepted.runs]
        assert lost(claim(keys, first, "t1", "w")).attempt == 1
        assert lost(finish(keys, first, "t1", "retrying", delay=60, error="{}")) == "OK"
        assert (bench.field(first, "failures"), len(bench.attempts(first))) == ("1", 1)
        lost(claim(keys, second, "t2", "w"))
        assert lost(release(keys, second, "t2")).run == second
        assert bench.field(second, "attempt") == "0"
        lost(claim(keys, third, "t3", "w"))
        assert lost(finish(keys, third, "t3", "succeeded", result="1")) == "OK"


def test_a_claim_whose_answers_are_all_lost_is_not_forgotten(make_app, server_url, tmp_path):
    pipe = Pipe(make_app(HANDLERS))
    pipe.subject["may_end"].set()
    with proxied(server_url, tmp_path) as (proxy, ledger):
        pipe.runner = replace(pipe.runner, ledger=ledger)
        [ident] = pipe.emit("asked")
        proxy.lose = 5
        assert pipe.runner.execute(ident) == "succeeded"
        view = pipe.view(ident)
        assert (view["state"], view["attempt"], len(pipe.subject["calls"])) == ("succeeded", 1, 1)
    pipe.hold()
