"""The pages of queues and of workers: what they show, what is done from them, and who may."""

from visiting import Visitor

from core.house import house
from core.ledger.alive import alive, beat
from core.ledger.running import claim
from core.testing import drain

HANDLERS = """
    from core import *

    @on("order.*", name="send", queue="mail", retries=0)
    def send(event: Event) -> None: ...

    @on("order.*", name="draw", queue="cpu")
    def draw(event: Event) -> None: ...
"""
HOSTILE = '"><img src=x onerror=alert(1)>{{ 7 * 191 }}'
SAID = {"queues": ["default", "mail", "cpu"], "busy": 0, "concurrency": 32, "pool": "threads", "host": "h", "pid": 7}
READING = "another one to read with"


def say(app, ident, role="worker", **said):
    here = house(app)
    here.ledger.run(beat(here.keys, role, ident, SAID | said if role == "worker" else said))


def orders(app):
    here = house(app)
    return {one.id: one.order for one in here.ledger.run(alive(here.keys)) if one.order}


def order(api, count=1):
    for _ in range(count):
        api.send("/events", {"type": "order.placed", "data": {}})


def start(app, worker, count=1):
    """Have *worker* claim runs."""
    here = house(app)
    pending = here.ledger.client.zrange(here.keys.state("pending"), 0, count - 1)
    for n, run in enumerate(pending):
        here.ledger.run(claim(here.keys, run.decode(), f"{worker}-{n}", worker))
    return [run.decode() for run in pending]


class TestQueues:
    def test_without_a_worker_it_says_what_to_do(self, visitor, api):
        order(api)
        page = visitor.get("/dashboard/queues")
        assert "No worker is alive: what is accepted waits. Start one with make run." in page.words
        assert "/dashboard/runs?q=queue%3Amail%20state%3Apending" in page.links()

    def test_figures_and_links(self, app, visitor, api):
        say(app, "a"), say(app, "b", quiet=True)
        order(api, 3)
        start(app, "a", 2)
        page = visitor.get("/dashboard/queues")
        assert "1 of 32 1 worker 1 quiet" in page.words
        assert "All counts are exact." in page.words
        assert {"/dashboard/runs?q=queue%3Amail", "/dashboard/runs?q=queue%3Acpu%20state%3Arunning"} <= set(
            page.links()
        )
        assert "notes" not in page.values("class")

    def test_each_queue_that_nobody_serves_is_a_note(self, app, visitor, api):
        say(app, "a", queues=["default"]), say(app, "b", queues=["mail", "old"], quiet=True)
        order(api, 2)
        words = visitor.get("/dashboard/queues").words
        assert "Queue mail is served by quiet workers alone. 2 runs wait in it, the oldest for" in words
        assert "Nobody serves queue cpu. 2 runs wait in it" in words
        assert "told other queues (-Q)" in words
        assert "Queue old is served by quiet workers alone. Nothing waits in it." in words

    def test_runs_of_a_queue_that_no_code_names(self, app, visitor, api):
        order(api)
        here = house(app)
        [run] = here.ledger.client.zrange(here.keys.state("pending"), 0, 0)
        here.ledger.client.hset(here.keys.run(run.decode()), "queue", HOSTILE)
        say(app, "a")
        page = visitor.get("/dashboard/queues")
        assert "Start a worker with -Q" in page.words
        assert HOSTILE in page.words
        assert "img" not in page.tags


class TestWorkers:
    def test_without_any_it_teaches(self, visitor):
        words = visitor.get("/dashboard/workers").words
        assert ".venv/bin/celery -A core.main:celery worker" in words
        assert ".venv/bin/celery -A core.main:celery beat" in words
        assert "Nothing is running." in words

    def test_what_is_said_of_them(self, app, visitor):
        since = "2026-11-24T14:12:00Z"
        say(app, "a", busy=3, stuck=1, memory=142 << 20, release="v214")
        say(app, "b", quiet=True), say(app, "c", stopping=True)
        say(app, "one", role="beat", leader=True, leads_since=since), say(app, "two", role="beat", leader=False)
        page = visitor.get("/dashboard/workers")
        for said in ("1 stuck", "3 of 32", "142 MB", "h, pid 7, release v214", "threads, serves default, mail, cpu"):
            assert said in page.words
        for said in ("b quiet", "c stops", "one leader", "two stands by"):
            assert said in page.words
        assert "Tue 24 Nov 2026, 14:12:00 UTC" in page.values("title")

    def test_silent_ones_and_a_strange_leader_are_notes(self, app, visitor):
        say(app, "a"), say(app, "one", role="beat", leader=False)
        here = house(app)
        seconds, _ = here.ledger.client.time()
        here.ledger.client.zadd(here.keys.alive, {"worker:a": (seconds - 20) * 1000})
        here.ledger.client.set(here.layout.lock, b"redbeat \xff")
        words = visitor.get("/dashboard/workers").words
        assert "Nothing was heard of a for 2" in words
        assert "a silent" in words
        assert "The lead is held by redbeat" in words

    def test_where_all_are_quiet_nothing_begins(self, app, visitor):
        say(app, "a", quiet=True), say(app, "b", stopping=True)
        assert "Every worker is quiet or stops" in visitor.get("/dashboard/workers").words

    def test_what_runs_where(self, app, visitor, api):
        order(api, 3)
        say(app, "a", busy=2)
        first, second = start(app, "a"), start(app, "b")
        page = visitor.get("/dashboard/workers")
        assert {f"/dashboard/runs/{run}" for run in first + second} <= set(page.links())
        assert "/dashboard/workers?worker=a#running" in page.links()
        page = visitor.get("/dashboard/workers?worker=a")
        assert f"/dashboard/runs/{first[0]}" in page.links()
        assert f"/dashboard/runs/{second[0]}" not in page.links()
        assert "This worker runs nothing now" in visitor.get("/dashboard/workers?worker=%00x").words

    def test_the_list_of_runs_has_an_end(self, app, visitor, api, monkeypatch):
        monkeypatch.setattr("core.dashboard.workers.SHOWN", 2)
        order(api, 3)
        start(app, "a", 5)
        assert "3 more: runs that are running" in visitor.get("/dashboard/workers").words
        drain(app)

    def test_words_of_processes_stay_words(self, app, visitor):
        say(app, HOSTILE, host=HOSTILE, pool=HOSTILE, release=HOSTILE, queues=[HOSTILE], memory="x", started=HOSTILE)
        say(app, "old.1.x", role="beat")
        page = visitor.get("/dashboard/workers")
        assert "img" not in page.tags
        assert HOSTILE in page.words


class TestActs:
    def test_quiet_resume_and_stop_of_one(self, app, visitor):
        say(app, "a b"), say(app, "c", role="beat")
        page = visitor.get("/dashboard/workers")
        assert {("post", f"/dashboard/workers/a%20b/{word}") for word in ("quiet",)} <= {f[:2] for f in page.forms}
        page = visitor.post("/dashboard/workers/a%20b/quiet")
        assert "a b was told to take no new runs." in page.words
        assert "quiet ordered" in page.words
        assert ("post", "/dashboard/workers/a%20b/resume") in {form[:2] for form in page.forms}
        assert orders(app) == {"a b": "quiet"}
        visitor.post("/dashboard/workers/a%20b/resume")
        say(app, "a b", busy=2)
        assert "2 runs are going on in it. It ends as at SIGTERM" in visitor.get("/dashboard/workers/a%20b/stop").words
        assert orders(app) == {"a b": "resume"}
        visitor.post("/dashboard/workers/a%20b/stop"), visitor.post("/dashboard/workers/c/stop")
        assert orders(app) == {"a b": "stop", "c": "stop"}

    def test_of_all(self, app, visitor):
        assert "nobody was told" in visitor.post("/dashboard/workers/resume").words
        say(app, "a"), say(app, "b", quiet=True), say(app, "c", role="beat")
        assert {"/dashboard/workers/quiet", "/dashboard/workers/stop"} <= set(visitor.get("/dashboard/workers").links())
        for word in ("quiet", "stop"):
            assert "all" in visitor.get(f"/dashboard/workers/{word}").words
            assert orders(app).get("a") != word
            assert "2 workers were told" in visitor.post(f"/dashboard/workers/{word}").words
            assert orders(app) == {"a": word, "b": word}

    def test_what_is_not_there_or_does_not_fit(self, app, visitor):
        say(app, "c", role="beat")
        for word in ("quiet", "resume", "stop"):
            assert "No worker or beat" in visitor.post(f"/dashboard/workers/nobody/{word}", status=404).words
        visitor.get("/dashboard/workers/nobody/stop", 404)
        assert "can be stopped, not quiet" in visitor.post("/dashboard/workers/c/quiet", status=409).words
        assert orders(app) == {}

    def test_who_may_only_look_sees_no_buttons_and_may_do_nothing(self, make_app):
        app = make_app(HANDLERS, env="production", dashboard_read_password=READING)
        visitor = Visitor(app, secure=True)
        visitor.sign_in(READING)
        say(app, "a")
        page = visitor.get("/dashboard/workers")
        assert "h, pid 7" in page.words
        assert not [action for _, action, _ in page.forms if "/workers/" in action]
        assert not [link for link in page.links() if link.endswith(("/stop", "/quiet"))]
        for path in ("a/quiet", "a/resume", "a/stop", "quiet", "resume", "stop"):
            visitor.post(f"/dashboard/workers/{path}", status=403)
        for path in ("a/stop", "quiet", "stop"):
            visitor.get(f"/dashboard/workers/{path}", 403)
        assert orders(app) == {}
