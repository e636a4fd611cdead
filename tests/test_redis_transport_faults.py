"""Whatever happens to the server, the worker stays the same process and soon works again: hints and plain tasks."""

import signal
import threading
from contextlib import contextmanager, suppress

import pytest
import redis
from redis_household import QUIET, household
from waiting import wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One household for all faults: its worker must outlast each of them."""
    with household(tmp_path_factory.mktemp("steady"), *QUIET) as made:
        made.house.start("worker")
        made.works(30)
        yield made


@pytest.fixture
def steady(shared):
    pid = shared.house.processes["worker"].pid
    yield shared
    assert shared.house.processes["worker"].pid == pid
    assert shared.house.processes["worker"].poll() is None


def config(**settings):
    """Return a fault that lasts while the server has these settings."""

    @contextmanager
    def fault(household):
        client = household.client
        names = {name.replace("_", "-"): value for name, value in settings.items()}
        before = {name: client.config_get(name)[name] for name in names}
        for name, value in names.items():
            client.config_set(name, value)
        yield
        for name, value in before.items():
            client.config_set(name, value)

    return fault


@contextmanager
def read_only(household):
    household.client.replicaof("127.0.0.1", 1)
    yield
    household.client.replicaof("NO", "ONE")


@contextmanager
def cannot_save(household):
    """MISCONF: the last snapshot failed, for a folder stands where its file should."""
    client = household.client
    folder = household.server.folder / "valkey" / "dump.rdb"
    folder.mkdir()
    client.config_set("save", "3600 1")
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", what="the snapshot failed")
    yield
    client.config_set("save", "")
    folder.rmdir()


@contextmanager
def busy(household):
    client = household.client
    client.config_set("busy-reply-threshold", 50)
    other = redis.Redis.from_url(household.server.url, socket_timeout=60)

    def loop():
        with suppress(redis.RedisError):
            other.eval("while true do end", 0)

    thread = threading.Thread(target=loop)
    thread.start()
    yield
    wait_until(lambda: killed(client), what="the script was killed")
    thread.join(10)
    other.close()


def killed(client):
    try:
        return client.script_kill()
    except redis.RedisError as error:
        return "NOTBUSY" in str(error)


@contextmanager
def reset(household):
    household.client.client_kill_filter(_type="normal", skipme=True)
    yield


@contextmanager
def restart(household):
    household.server.kill()
    yield
    household.server.start()
    household.server.ready()


@contextmanager
def restart_slowly(household):
    """LOADING: the server takes seconds to read its data."""
    household.server.kill()
    household.server.start("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    yield
    household.server.ready()


@contextmanager
def emptied(household):
    household.client.flushall()
    yield


REFUSALS = {
    "full": config(maxmemory="1"),
    "read-only": read_only,
    "too few replicas": config(min_replicas_to_write="1"),
    "cannot save": cannot_save,
    "busy": busy,
}
FAULTS = {
    "connections reset": reset,
    "restart": restart,
    "loading": restart_slowly,
    "emptied": emptied,
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_server_that_refuses(steady, name):
    """The worker asks again each second, on the connection to the broker it has, and says so once a channel."""
    before = steady.log()
    with REFUSALS[name](steady):
        lasts(4)
    steady.works()
    said = steady.log()[len(before) :]
    assert "Connection to broker lost" not in said
    assert said.count("refuses to hand out") <= 4


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_server(steady, name):
    with FAULTS[name](steady):
        lasts(3)
    steady.works()


def test_a_server_that_is_away_for_long(steady):
    with restart(steady):
        lasts(20)
    steady.works()


def test_a_server_that_freezes(steady):
    steady.server.process.send_signal(signal.SIGSTOP)
    lasts(20)
    steady.server.process.send_signal(signal.SIGCONT)
    steady.works()


def lasts(seconds):
    """Let a fault last: here the time is what is tested."""
    threading.Event().wait(seconds)
