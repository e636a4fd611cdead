"""The doctor: each check by itself, on facts; then all of them on an application, over HTTP, as command and page."""

import json
from dataclasses import replace

import pytest
import redis
from command_line import NOWHERE, Line
from visiting import Visitor

from core.config import celery_url
from core.doctor import keeping, settings, working
from core.doctor.diagnosis import CHECKS, diagnose, examine
from core.doctor.facts import Facts, Probe
from core.doctor.gathering import gather
from core.house import house
from core.ledger.alive import Process, beat
from core.testing import config

GOOD = "NrW3cEo5bX0Jz8KfQ7dYtLs2Vh9PuGaM"
INFO = {
    "valkey_version": "9.1.2",
    "redis_version": "7.2.4",
    "aof_enabled": 1,
    "used_memory": 50 << 20,
    "maxmemory": 256 << 20,
    "total_system_memory": 8 << 30,
    "role": "master",
}
FINE = {name: {"ok": True, "detail": "Fine."} for name in ("ledger", "workers", "sweeper", "beat", "schedules")}
QUEUE = dict.fromkeys(("pending", "retrying", "scheduled", "parked", "running"), 0)
HANDLERS = """
    from core import *

    @on("order.*", name="send", queue="mail")
    def send(event: Event) -> None: ...
"""


def worker(**info):
    return Process("worker", info.pop("id", "w"), 100, {"catalog": "abc"} | info)


def queue(name, workers=1, **counts):
    return {"queue": name, "workers": workers, "wait": None} | QUEUE | counts


def configured(**changes):
    fine = {"api_token": GOOD, "keys": (GOOD[::-1],), "webhook_secrets": {"github": (GOOD,)}, "env": "production"}
    return config("redis://localhost", **(fine | changes))


def facts(info=(), **changes):
    fine = Facts(
        config=configured(),
        info=INFO | dict(info),
        where="localhost:6379",
        fsync="everysec",
        snapshots="",
        readiness=FINE,
        processes=[worker()],
        queues=[queue("default")],
        catalog="abc",
        versions={"Python": "3.11.7"},
    )
    return replace(fine, **changes)


def bad(check, said, **changes):
    return found(check, "bad", said, **changes)


def warned(check, said, **changes):
    return found(check, "warn", said, **changes)


def fine(check, said="", **changes):
    return found(check, "ok", said, **changes)


def found(check, level, said, **changes):
    one = check(facts(**changes))
    assert (one.name, one.level) == (check.__name__, level), one
    assert said in f"{one.fact} {one.advice}", one
    assert one.fact.endswith("."), one
    assert level == "ok" or one.advice, one
    return one


def test_of_a_house_that_is_well_nothing_is_said():
    assert {one.level for one in examine(facts()).findings} == {"ok"}
    assert examine(facts()).verdict == "ok"
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)


def test_the_verdict_is_the_worst():
    assert examine(facts(skew=2)).verdict == "warn"
    assert examine(facts(skew=2, info={"aof_last_write_status": "err"})).verdict == "bad"


def test_server():
    fine(keeping.server, "Valkey 9.1.2 at localhost:6379")
    bad(keeping.server, "Redis 6.2.1", info={"valkey_version": None, "redis_version": "6.2.1"})


@pytest.mark.parametrize("name", ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"])
def test_what_could_not_be_written(name):
    bad(keeping.persistence, "could not write", info={name: "err"})


def test_persistence():
    fine(keeping.persistence, "synced everysec")
    fine(keeping.persistence, "being rewritten", info={"aof_rewrite_in_progress": 1})
    warned(keeping.persistence, "keeps nothing", info={"aof_enabled": 0})
    warned(keeping.persistence, "snapshots alone", info={"aof_enabled": 0}, snapshots="60 1")
    fine(keeping.persistence, "no append-only file", info={"aof_enabled": 0}, config=configured(durability="memory"))


def test_durability():
    fine(keeping.durability, "a crash of the server")
    fine(keeping.durability, "a power cut", fsync="always", config=configured(durability="fsync"))
    fine(keeping.durability, "demands fsync", config=configured(durability="fsync"))  # each acceptance waits for it
    fine(keeping.durability, "a crash of the server", fsync=None)  # CONFIG is closed
    warned(keeping.durability, "no crash", info={"aof_enabled": 0})
    fine(keeping.durability, "demands memory", info={"aof_enabled": 0}, config=configured(durability="memory"))
    for wanted in ("everysec", "fsync"):
        bad(keeping.durability, f"demands {wanted}", info={"aof_enabled": 0}, config=configured(durability=wanted))


def test_eviction():
    fine(keeping.eviction)
    bad(keeping.eviction, "allkeys-lru: it throws", info={"maxmemory_policy": "allkeys-lru"})


def test_memory():
    fine(keeping.memory, "50 MB of 256 MB (20%) are in use; history may take 64 MB.")
    fine(keeping.memory, "history may take 10 MB", config=configured(history_memory=10 << 20))
    fine(keeping.memory, "of 1 GB (5%) are in use, which LEDGER_MEMORY sets", info={"maxmemory": 0})
    warned(keeping.memory, "From 80% on", info={"used_memory": 170 << 20})
    bad(keeping.memory, "Nothing new is accepted", info={"used_memory": 206 << 20})
    warned(keeping.memory, "below the 128 MB", info={"total_system_memory": 128 << 20})


def test_clock():
    fine(keeping.clock, skew=-0.9)
    warned(keeping.clock, "2.5 s ahead of", skew=2.5)
    warned(keeping.clock, "2 h behind", skew=-7200)


def test_replication():
    fine(keeping.replication, "No replica.")
    fine(keeping.replication, "2 replicas.", info={"connected_slaves": 2})
    bad(keeping.replication, "is a replica", info={"role": "slave"})
    through = configured(redis_url="redis+sentinel://a:1,b:2/primary")
    fine(keeping.replication, "1 replica, through 2 sentinels.", info={"connected_slaves": 1}, config=through)
    warned(keeping.replication, "No replica of primary", config=through)


@pytest.mark.parametrize("url", ["redis://10.0.0.7/0", "redis://:secret@cache.example:6379", "redis+sentinel://a:1/p"])
def test_plain_ways_to_other_machines(url):
    warned(keeping.tls, "REDIS_URL leads to another machine", config=configured(redis_url=url, broker_url=url))


@pytest.mark.parametrize("url", ["redis://localhost/0", "redis://[::1]:1/0", "unix:///x?db=0", "rediss://a.example"])
def test_ways_that_nobody_reads_along(url):
    fine(keeping.tls, config=configured(redis_url=url, broker_url=celery_url(url)))


def test_each_way_is_looked_at():
    both = configured(broker_url="amqp://a.example;amqps://b.example", result_backend="redis://c.example")
    warned(keeping.tls, "CELERY_BROKER_URL and CELERY_RESULT_BACKEND lead", config=both)
    warned(keeping.tls, "is not verified", config=configured(redis_url="rediss://a.example?ssl_cert_reqs=none"))


def test_broker_and_results():
    fine(working.broker, "RabbitMQ answers", broker=Probe(what="RabbitMQ"))
    lost = Probe(what="RabbitMQ", trouble="OSError: refused.")
    bad(working.broker, "RabbitMQ does not answer (OSError: refused)", broker=lost)
    fine(working.results)
    warned(working.results, "does not answer", backend=lost)


@pytest.mark.parametrize("name", ["workers", "sweeper", "beat"])
def test_who_is_missing(name):
    check = getattr(working, name)
    fine(check, "Fine.")
    bad(check, "Nobody spoke. Start one with make run", readiness={name: {"ok": False, "detail": "Nobody spoke."}})


def test_workers_that_take_nothing_or_are_stuck():
    fine(working.workers, processes=[worker(), worker(quiet=True)])
    warned(working.workers, "Every worker is quiet", processes=[worker(quiet=True), worker(stopping=True)])
    warned(working.workers, "3 functions outlived", processes=[worker(stuck=1), worker(stuck=2)])


def test_schedules():
    fine(working.schedules, "none is held")
    bad(working.schedules, "3 are late", readiness={"schedules": {"ok": False, "detail": "3 are late."}})
    warned(working.schedules, "a, b, c and 2 more are held", held=["a", "b", "c"], held_count=5)
    warned(working.schedules, "a is held: it cannot", held=["a"], held_count=1)


def test_queues():
    fine(working.queues, "1 queues")
    warned(working.queues, "old is served by nobody; 0 runs wait", queues=[queue("default"), queue("old", 0)])
    waiting = [queue(name, 0, pending=2, scheduled=1) for name in "abcde"]
    bad(working.queues, "a, b, c and 2 more are served by nobody; 15 runs wait", queues=waiting)
    bad(working.queues, "1 run waits", queues=[queue("a", 0, parked=1, running=3)])


def test_tasks():
    fine(working.tasks, processes=[worker(), worker(catalog=None), Process("beat", "b", 1, {"catalog": "x"})])
    warned(working.tasks, "w7 is of a release with other tasks", processes=[worker(), worker(id="w7", catalog="x")])


def test_backlog():
    limited = configured(backlog_limit=1000)
    fine(working.backlog, "799 runs are open", open=799, config=limited)
    warned(working.backlog, "raise it", open=800, config=limited)
    bad(working.backlog, "Nothing new is accepted", open=1000, config=limited)
    fine(working.backlog, "waits for 1 min 5 s", queues=[queue("a", wait=65.0)])


@pytest.mark.parametrize("text", ["", "test", "change-me", "a" * 200, "0123456789", "password1234"])
def test_secrets_that_can_be_guessed(text):
    for changes in ({"api_token": text}, {"keys": (text,)}, {"webhook_secrets": {"github": (GOOD, text)}}):
        bad(settings.secrets, "can be guessed. Replace it.", config=configured(**changes))
    warned(settings.secrets, "could be longer", config=configured(api_token=text, env="development"))


def test_secrets():
    fine(settings.secrets, "API_TOKEN, SECRET_KEY and GITHUB_WEBHOOK_SECRET are long")
    warned(settings.secrets, "SECRET_KEY could be longer", config=configured(keys=("Xk3-9fQz.a7B_w2L",)))
    bad(settings.secrets, "are the same", config=configured(keys=("x", GOOD)[::-1]))
    assert GOOD not in str([one.view() for one in examine(facts()).findings])


def test_keys():
    fine(settings.keys, "One key", newest_key=0, oldest_key=0)
    older = configured(keys=(GOOD[::-1], "old"))
    fine(settings.keys, "needed, for the oldest", config=older, newest_key=0, oldest_key=1)
    fine(settings.keys, "no record of the ledger needs", config=older, newest_key=0, oldest_key=0)
    bad(settings.keys, "The newest record", newest_key=-1, oldest_key=0)
    bad(settings.keys, "The oldest record", newest_key=0, oldest_key=-1)


def test_development():
    fine(settings.development, "production", config=configured(host="0.0.0.0"))
    for host in ("", "127.0.0.1", "localhost"):
        fine(settings.development, "to this machine", config=configured(env="development", host=host))
    bad(settings.development, "listens on 0.0.0.0", config=configured(env="development", host="0.0.0.0"))


def test_versions():
    fine(settings.versions, "Python 3.11.7.")


def levels(app):
    return {one.name: one.level for one in diagnose(house(app)).findings}


def test_what_is_gathered_from_a_real_server(app, api):
    api.send("/events", {"type": "order.placed", "data": {}})
    here = house(app)
    here.ledger.client.hset(here.keys.quarantine, "odd", json.dumps({"reason": "x", "since": "y"}))
    told = gather(here)
    assert (told.open, told.held, told.held_count) == (1, ["odd"], 1)
    assert (told.oldest_key, told.newest_key, told.fsync, told.snapshots) == (0, 0, "everysec", "")
    assert abs(told.skew) < 1
    assert (told.broker, told.backend) == (Probe(what="Redis, the ledger's own server,"), Probe(what="Redis"))
    assert [row["queue"] for row in told.queues] == ["default", "mail"]
    assert {"Python", "celery", "flask", "redis"} == set(told.versions)
    assert {"aof_enabled", "maxmemory", "role"} <= set(told.info)


def test_a_house_without_workers(app):
    found = levels(app)
    assert {name for name, level in found.items() if level == "bad"} == {"workers", "sweeper", "beat"}
    for role in ("worker", "sweeper", "beat"):
        said = {"queues": ["default", "mail"], "catalog": house(app).catalog.digest}
        house(app).ledger.run(beat(house(app).keys, role, "x", said if role == "worker" else {}))
    assert "bad" not in levels(app).values()


def test_records_of_other_keys_are_known(make_app):
    def emit(app):
        body = {"type": "order.placed", "data": {}}
        bearer = {"Authorization": "Bearer test-token"}
        assert app.test_client().post("/api/v1/events", json=body, headers=bearer).status_code == 202

    first = make_app(HANDLERS, keys=("one",), prefix="doctor-keys")
    emit(first)
    assert gather(house(make_app(HANDLERS, keys=("two",), prefix="doctor-keys"))).newest_key == -1
    both = make_app(HANDLERS, keys=("two", "one"), prefix="doctor-keys")
    emit(both)
    told = gather(house(both))
    assert (told.oldest_key, told.newest_key) == (1, 0)


def test_a_server_that_closed_config_is_examined_all_the_same(make_app, tmp_path):
    from core import embedded

    with embedded.running(tmp_path, 64 << 20) as url, redis.Redis.from_url(url) as client:
        client.acl_setuser(
            "default", enabled=True, nopass=True, commands=["+@all", "-config"], keys=["*"], channels=["*"]
        )
        app = make_app(HANDLERS, redis_url=url, broker_url=celery_url(url), result_backend=celery_url(url))
        assert levels(app)["persistence"] == "ok"


@pytest.mark.parametrize("name", ["broker_url", "result_backend"])
def test_a_broker_or_result_backend_that_is_away_is_found_out_in_bounded_time(make_app, name, monkeypatch):
    monkeypatch.setattr("core.doctor.gathering.PATIENCE", 1.0)
    app = make_app(HANDLERS, **{name: NOWHERE})
    found = {one.name: one for one in diagnose(house(app)).findings}
    away = found["broker" if name == "broker_url" else "results"]
    assert away.level == ("bad" if name == "broker_url" else "warn")
    assert "does not answer" in away.fact


def test_over_http(app, api):
    found = api.get("/doctor")
    assert (found["verdict"], found["next"]) == ("bad", None)
    assert [set(item) for item in found["items"]] == [{"name", "level", "fact", "advice"}] * len(CHECKS)
    assert app.test_client().get("/api/v1/doctor").status_code == 401


def test_without_a_ledger(make_app):
    app = make_app(HANDLERS, redis_url=NOWHERE)
    found = diagnose(house(app))
    assert (found.findings[0].name, found.findings[0].level, found.reachable) == ("server", "bad", False)
    line = Line(app)
    assert "did not answer" in line("doctor", code=69)
    answer = app.test_client().get("/api/v1/doctor", headers={"Authorization": "Bearer test-token"})
    assert (answer.status_code, answer.get_json()["verdict"]) == (200, "bad")
    assert "The ledger did not answer" in Visitor(app).get("/dashboard/doctor").words


def test_on_the_command_line(app, monkeypatch):
    line = Line(app)
    text = line("doctor", code=1)
    assert "What is bad" in text
    assert "beat: No beat spoke within the last 10 s. Is its process running? Start one with make run" in text
    assert json.loads(line.run("doctor", "--json").stdout)["verdict"] == "bad"
    monkeypatch.setattr("core.cli.doctor.diagnose", lambda _: examine(facts()))
    assert "21 checks: 0 bad, 0 to look at." in line("doctor")
    assert line.json("doctor")["verdict"] == "ok"
    monkeypatch.setattr("core.cli.doctor.diagnose", lambda _: examine(facts(skew=3)))
    assert "What could be better" in line("doctor")


def test_the_page_has_the_worst_first(app):
    page = Visitor(app).get("/dashboard/doctor")
    assert f"{len(CHECKS)} checks: 3 bad" in page.words
    assert page.words.index("No beat spoke") < page.words.index("could be longer") < page.words.index("noeviction")


def test_words_of_others_stay_words(app):
    hostile = '"><img src=x onerror=alert(1)>'
    here = house(app)
    here.ledger.client.hset(here.keys.quarantine, hostile, "{}")
    here.ledger.run(beat(here.keys, "worker", hostile, {"catalog": hostile, "queues": [hostile]}))
    page = Visitor(app).get("/dashboard/doctor")
    assert "img" not in page.tags
    assert hostile in page.words
