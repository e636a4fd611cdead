"""One worker on Redis: what it takes when its slots are few, the server is full, or the line is dead."""

import json
import shutil
import threading

import pytest
import redis
from engines import missing
from redis_household import QUIET, Road, household
from waiting import wait_until

pytestmark = pytest.mark.processes


def unacked(client):
    return client.hlen("unacked"), client.zcard("unacked_index")


@pytest.mark.parametrize("binary", ["valkey", "redis-server"])
def test_a_full_server_is_drained_by_the_worker_it_has_and_by_a_new_one(tmp_path, binary):
    """Redis 7 refuses more than Valkey 9: whatever stands in a transaction."""
    found = "" if binary == "valkey" else shutil.which(binary) or missing(binary)
    with household(tmp_path, "-c", "8", binary=found) as steady:
        steady.house.start("worker")
        steady.works(30)
        steady.shut()
        steady.emit(200)
        words = [steady.plain() for _ in range(20)]
        wait_until(lambda: steady.hints() <= 192, what="the hints are published")
        steady.client.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            steady.client.set("more", "of it")
        steady.open()
        wait_until(lambda: steady.ended() == 201, timeout=30, what="all runs ended")
        wait_until(lambda: set(words) <= set(steady.words()), timeout=30, what="all plain tasks ran")
        wait_until(lambda: unacked(steady.client) == (0, 0), what="all of them are acknowledged")
        first = steady.house.processes.pop("worker")
        assert first.poll() is None
        first.kill()
        first.wait()
        fill_again(steady)
        steady.house.start("worker")
        wait_until(lambda: steady.ended() == 251, timeout=30, what="the new worker drains the full server")
        assert steady.house.processes["worker"].poll() is None
        log = steady.log()
        assert "Unrecoverable" not in log
        assert "without a record" not in log
        assert log.count("bindings are not written yet") <= 6
        steady.client.config_set("maxmemory", 1 << 28)
        wait_until(lambda: steady.client.exists(f"_kombu.binding.{steady.pipe.keys.prefix}.celery"), what="bindings")


def fill_again(steady):
    steady.client.config_set("maxmemory", 1 << 28)
    steady.client.delete(*steady.client.keys("_kombu.binding*"))
    steady.emit(50)
    wait_until(lambda: steady.hints() == 50, what="the hints are published")
    steady.client.config_set("maxmemory", 1)


def test_a_dead_line(tmp_path):
    roads = []

    def road(url):
        roads.append(Road(url.removeprefix("unix://").partition("?")[0]))
        return f"redis://127.0.0.1:{roads[0].port}/0"

    with household(tmp_path, *QUIET, broker=road) as steady:
        steady.house.start("worker")
        steady.works(30)
        for _ in range(2):
            roads[0].block()
            threading.Event().wait(1.5)  # what the server still hands to the dead line is lost, for a second
            steady.works()


def test_a_worker_takes_no_more_than_it_has_slots(tmp_path):
    with household(tmp_path, *QUIET, "-c", "3") as steady:
        steady.shut()
        steady.house.start("worker")
        steady.emit(10)
        wait_until(lambda: len(running(steady)) == 3, timeout=30, what="three runs are going on")
        wait_until(lambda: steady.hints() == 7, what="the others wait where any worker can have them")
        wait_until(lambda: steady.client.info("clients")["blocked_clients"] == 0, what="the worker asks for nothing")
        steady.plain()
        assert unacked(steady.client) == (0, 0)
        steady.open()
        wait_until(lambda: steady.ended() == 10, what="all runs ended")
        wait_until(lambda: len(steady.words()) == 1, what="the plain task ran")


def running(steady):
    return steady.client.zrange(steady.pipe.keys.state("running"), 0, -1)


def test_free_slots_are_seen_at_once(tmp_path):
    with household(tmp_path, *QUIET, "-c", "1") as steady:
        steady.house.start("worker")
        steady.works(30)
        steady.shut()
        steady.emit(100)
        wait_until(lambda: steady.hints() == 99, what="the hints are published")
        steady.open()
        wait_until(lambda: steady.ended() == 101, timeout=10, what="a hundred runs ended, one after the other")


def test_neither_hints_nor_plain_tasks_starve(tmp_path):
    with household(tmp_path, *QUIET, "-c", "1") as steady:
        steady.house.start("worker")
        steady.works(30)
        steady.shut()
        steady.emit(60)
        words = [steady.plain() for _ in range(60)]
        steady.open()
        wait_until(lambda: steady.ended() > 10 and len(steady.words()) > 10, timeout=20, what="both get their share")
        assert steady.ended() < 61 or len(steady.words()) < 61
        wait_until(lambda: steady.ended() == 61 and set(words) <= set(steady.words()), timeout=20, what="all of it")


def test_plain_tasks_are_recorded_until_they_are_done_and_hints_never(tmp_path):
    with household(tmp_path, *QUIET, "-c", "4") as steady:
        steady.shut()
        steady.house.start("worker")
        steady.emit(2)
        wait_until(lambda: len(running(steady)) == 2, timeout=30, what="two runs are going on")
        assert unacked(steady.client) == (0, 0)
        steady.pipe.app.extensions["celery"].send_task("plain", ("slow",))
        wait_until(lambda: unacked(steady.client) == (1, 1), what="the plain task is recorded")
        [record] = steady.client.hvals("unacked")
        assert json.loads(record)[0]["headers"]["task"] == "plain"
        steady.house.kill("worker")
        assert unacked(steady.client) == (1, 1)
        steady.client.zadd("unacked_index", dict.fromkeys(steady.client.hkeys("unacked"), 0))  # long ago
        steady.house.start("worker")
        steady.open()
        wait_until(lambda: steady.words() == ["slow"], timeout=30, what="the plain task ran in another worker")
        wait_until(lambda: unacked(steady.client) == (0, 0), what="it is acknowledged")


def test_a_deleted_queue_is_made_up_for(tmp_path):
    with household(tmp_path, *QUIET, "-c", "2") as steady:
        steady.shut()
        steady.house.start("worker")
        steady.emit(20)
        wait_until(lambda: len(running(steady)) == 2 and steady.hints() == 18, timeout=30, what="18 hints wait")
        steady.client.delete(*steady.client.keys(f"{steady.pipe.keys.prefix}.default*"))
        assert steady.hints() == 0
        steady.open()
        wait_until(lambda: steady.ended() == 20, timeout=60, what="all runs ended")
        attempts = [steady.pipe.view(run.decode())["attempt"] for run in ended(steady)]
        assert attempts == [1] * 20


def ended(steady):
    return steady.client.zrange(steady.pipe.keys.state("succeeded"), 0, -1)


def test_rubbish_ends_no_worker(tmp_path):
    with household(tmp_path, *QUIET) as steady:
        steady.house.start("worker")
        steady.works(30)
        for rubbish in (b"\xff", b"{", b"[]", b"null", b"{}", b'{"properties":{}}', b"[" * 100_000):
            for queue in ("default", "celery"):
                steady.client.lpush(f"{steady.pipe.keys.prefix}.{queue}", rubbish)
        wait_until(lambda: steady.hints() == 0, what="the rubbish is taken")
        steady.works()
        assert steady.log().count("a message is dropped") == 14
        assert "Connection to broker lost" not in steady.log()
