"""Runs, lists, schedules, plain tasks and health over HTTP; and who may ask: every route, walked."""

from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.routing import Rule

from core import emit
from core.house import house
from core.testing import API_TOKEN, drain, fire_due, runs

HANDLERS = """
    from celery import shared_task
    from core import *

    class Placed(Event, type="order.placed"):
        order_id: int

    @on(Placed, queue="mail", retries=0)
    def send(event: Placed) -> dict:
        run.progress(1, 2)
        run.log("sent")
        if event.order_id == 13:
            raise RuntimeError("no stock")
        return {"sent": event.order_id}

    @on("order.*")
    async def archive(event: Event) -> None: ...

    @every(minutes=5)
    def tidy() -> str: return "tidy"

    @shared_task(ignore_result=False)
    def add(a, b): return a + b
"""
PUBLIC = {
    "/": "its own rule: this machine in development, else the token",
    "/healthz": "a load balancer asks",
    "/readyz": "a load balancer asks",
    "/metrics": "a Prometheus asks; counts and names of queues alone",
    "/hooks/<source>": "signed instead",
    "/problems/<slug>": "what errors link to",
    "/static/<path:filename>": "Flask's own, empty",
    "/static/carillon/<path:filename>": "styles of the first page",
}
BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
STRANGERS = {
    "no token": None,
    "wrong": "Bearer wrong",
    "other case": f"Bearer {API_TOKEN.upper()}",
    "other scheme": f"Basic {API_TOKEN}",
    "no scheme": API_TOKEN,
    "longer": f"Bearer {API_TOKEN}x",
    "non-ASCII": "Bearer t\xebst",
}


@pytest.fixture
def get(app):
    def get(url: str, status: int = 200):
        answer = app.test_client().get(url, headers=BEARER)
        assert answer.status_code == status, answer.text
        return answer.get_json(force=True)

    return get


def emitted(app, *orders: int) -> list[str]:
    placed = house(app).catalog.types["order.placed"]
    with app.app_context():
        return [emit(placed(order_id=order), subject=f"order {order}").id for order in orders]


def is_public(rule: Rule) -> bool:
    """Tell whether *rule* has other guards than the API's; those of the dashboard are tested with its door."""
    return rule.rule in PUBLIC or rule.rule.startswith("/dashboard/")


def filled(rule: Rule) -> str:
    """Return a path that *rule* takes."""
    return rule.build(dict.fromkeys(rule.arguments, "x"), append_unknown=False)[1]


class TestWhoMayAsk:
    @pytest.mark.parametrize("header", STRANGERS.values(), ids=STRANGERS)
    def test_every_route_is_guarded_or_on_the_list(self, app, header):
        headers = {} if header is None else {"Authorization": header}
        found = {rule.rule for rule in app.url_map.iter_rules()}
        assert found >= set(PUBLIC)
        guarded = [rule for rule in app.url_map.iter_rules() if not is_public(rule)]
        assert len(guarded) >= 10
        for rule in guarded:
            assert rule.rule.startswith("/api/v1/"), f"{rule.rule} is neither under /api/v1 nor on the list"
            for method in rule.methods:
                answer = app.test_client().open(filled(rule), method=method, headers=headers)
                assert (answer.status_code, answer.content_type) == (401, "application/problem+json"), (method, rule)
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="carillon"'
        assert runs(app) == []

    def test_the_token_in_a_query_string_or_body_opens_nothing(self, app):
        client = app.test_client()
        for name in ("token", "access_token", "api_token", "Authorization"):
            assert client.get("/api/v1/runs", query_string={name: API_TOKEN}).status_code == 401
            assert client.post("/api/v1/events", data={name: API_TOKEN}).status_code == 401

    def test_the_first_page_in_production_wants_the_token(self, make_app):
        client = make_app(HANDLERS, env="production").test_client()
        assert client.get("/").status_code == 303
        assert client.get("/", headers=BEARER).status_code == 200
        assert client.get("/", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 303

    def test_methods(self, app):
        client = app.test_client()
        for rule in app.url_map.iter_rules():
            wrong = client.open(filled(rule), method="TRACE", headers=BEARER)
            assert wrong.status_code == 405, rule
            assert set(wrong.headers["Allow"].split(", ")) >= rule.methods
            options = client.options(filled(rule), headers=BEARER)
            assert (options.status_code, options.data) == (200, b"")
            if "GET" in rule.methods:
                head, got = (client.open(filled(rule), method=m, headers=BEARER) for m in ("HEAD", "GET"))
                assert (head.status_code, head.data, head.content_type) == (got.status_code, b"", got.content_type)

    def test_a_method_cannot_be_smuggled(self, app):
        headers = BEARER | {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"}
        assert app.test_client().get("/hooks/github?_method=POST", headers=headers).status_code == 405


class TestRuns:
    def test_one_run_with_all_it_has(self, app, get):
        [event] = emitted(app, 7)
        drain(app)
        [ident] = [run["id"] for run in runs(app) if run["queue"] == "mail"]
        found = get(f"/api/v1/runs/{ident}")
        assert found["task"].endswith(".subject.send")
        assert (found["state"], found["attempt"], found["result"]) == ("succeeded", 1, {"sent": 7})
        assert (found["event"], found["fire"]) == ({"id": event, "type": "order.placed"}, None)
        assert found["progress"] in (None, {"done": 1, "total": 2})  # notes are kept in the background
        assert [attempt["outcome"] for attempt in found["attempts"]] == ["succeeded"]
        assert {"created", "due", "started", "finished", "error", "queue"} <= set(found)
        assert found["id"].replace(".", "").isalnum()

    def test_filters(self, app, get):
        events = emitted(app, 7, 13)
        fire_due(app, datetime.now(UTC))
        fire_due(app, datetime.now(UTC) + timedelta(minutes=6))
        drain(app)
        send = next(run["task"] for run in runs(app) if run["queue"] == "mail")

        def count(query: str) -> int:
            return len(get(f"/api/v1/runs?{query}")["items"])

        assert count("") == 5
        assert (count("state=failed"), count("state=dead,expired"), count("state=succeeded")) == (1, 1, 4)
        assert (count(f"task={send}"), count(f"task={send}&state=dead"), count("queue=mail")) == (2, 1, 2)
        assert (count("event=order.placed"), count(f"event={events[0]}"), count("event=nothing")) == (4, 2, 0)
        assert count(f"schedule={send.replace('send', 'tidy')}") == 1
        assert (count("from=2999-01-01T00:00:00Z"), count("to=2999-01-01T00:00:00%2B01:00")) == (0, 5)
        assert count("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z") == 5
        [dead] = get("/api/v1/runs?state=failed")["items"]
        assert dead["error"]["message"] == "no stock"

    @pytest.mark.parametrize("kind", ["runs", "events"])
    def test_pages(self, app, get, kind):
        emitted(app, *range(20))
        whole = [item["id"] for item in get(f"/api/v1/{kind}?limit=500")["items"]]
        assert len(whole) == len(set(whole)) == (40 if kind == "runs" else 20)
        for limit in (1, 3, 7):
            seen, cursor = [], ""
            while cursor is not None:
                page = get(f"/api/v1/{kind}?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
                assert len(page["items"]) <= limit
                seen += [item["id"] for item in page["items"]]
                cursor = page["next"]
                assert cursor is None or cursor.replace("-", "").replace("_", "").isalnum()
            assert seen == whole

    def test_events_filters(self, app, get):
        emitted(app, 7, 8)

        def count(query: str) -> int:
            return len(get(f"/api/v1/events?{query}")["items"])

        assert (count("type=order.placed"), count("type=order.*"), count("type=order")) == (2, 2, 0)
        assert (count("subject=order 7"), count("source=/api"), count("source=/x")) == (1, 2, 0)
        assert (count("data.order_id=7"), count("data.order_id=9"), count("data.id=7")) == (1, 0, 0)
        assert (count("data.order_id=7&type=order.*"), count("data.order_id=7&data.order_id=8")) == (1, 1)

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=501", "limit=-1", "limit=x", "limit=", "limit=٣", "limit=1e2", "limit=" + "9" * 5000]
        + ["cursor=x", "cursor=", "cursor=LTE", "cursor=MTI=", "cursor=" + "OTk5" * 2000, "cursor=%C3%A9"]
        + ["from=yesterday", "from=2026-11-22", "to=2026-11-22T09:00:00", "from=", "state=done", "sort=up", "typ=x"]
        + ["data=x", "data.=x", "&".join(f"data.x{n}=1" for n in range(21))],
    )
    def test_bad_queries(self, get, query):
        for kind in ("runs", "events", "schedules"):
            if kind != "runs" and query.startswith("state"):
                continue
            found = get(f"/api/v1/{kind}?{query}", 400)
            assert found["type"] == "/problems/bad-query"
            assert len(found["detail"]) < 300

    @pytest.mark.parametrize("kind", ["runs", "events", "schedules"])
    @pytest.mark.parametrize("ident", ["x", "x.0", "%00", "a%00b", "%ff", "..", "%2e%2e", "a*", "é", "{", "x" * 9000])
    def test_ids_that_are_none(self, get, kind, ident):
        assert get(f"/api/v1/{kind}/{ident}", 404)["type"] == "/problems/not-found"

    def test_an_event_is_not_found_under_the_id_of_a_fire(self, app, get):
        fire_due(app, datetime.now(UTC))
        fire_due(app, datetime.now(UTC) + timedelta(minutes=6))
        [run] = runs(app)
        get(f"/api/v1/events/{run['id'].rpartition('.')[0]}", 404)


class TestSchedules:
    def test_one_its_fires_and_a_run_of_it_now(self, app, get):
        begin = datetime(2026, 11, 22, 12, 1, tzinfo=UTC)
        for minutes in (0, 4, 9, 14):
            fire_due(app, begin + timedelta(minutes=minutes))
        [schedule] = get("/api/v1/schedules")["items"]
        url = f"/api/v1/schedules/{schedule['name']}"
        assert get(url) == schedule
        assert (schedule["every"], schedule["owner"], schedule["next"]) == (300.0, "code", "2026-11-22T12:20:00Z")
        page = get(f"{url}/fires?limit=2")
        assert [fire["planned"][11:16] for fire in page["items"]] == ["12:15", "12:10"]
        assert {"planned", "state", "cause", "late", "run"} <= set(page["items"][0])
        rest = get(f"{url}/fires?limit=2&cursor={page['next']}")
        assert ([fire["planned"][11:16] for fire in rest["items"]], rest["next"]) == (["12:05"], None)
        answer = app.test_client().post(f"{url}/run", headers=BEARER)
        assert (answer.status_code, len(answer.get_json()["runs"])) == (202, 1)
        assert "tidy" in [run["result"] for run in drain(app)]


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
class TestPlainTasks:
    def test_results(self, app, get):
        celery = house(app).celery
        celery.backend.store_result("done", {"a": 1}, "SUCCESS")
        celery.backend.store_result("broken", ValueError("no"), "FAILURE")
        celery.backend.store_result("going", {"done": 1}, "PROGRESS")
        done, broken, going, unknown = (get(f"/api/v1/tasks/{t}") for t in ("done", "broken", "going", "unknown"))
        assert (done["ready"], done["successful"], done["value"]) == (True, True, {"a": 1})
        assert (broken["ready"], broken["successful"], broken["value"]) == (True, False, "ValueError: no")
        assert (going["ready"], going["progress"], going["value"]) == (False, {"done": 1}, None)
        assert (unknown["ready"], unknown["state"]) == (False, "PENDING")


class TestHealth:
    def test_up_and_ready(self, app, get):
        assert get("/healthz") == {"status": "ok"}
        found = get("/readyz", 503)
        assert set(found["failing"]) == {"workers", "sweeper", "beat"}
        assert found["checks"]["ledger"]["ok"]

    def test_unknown_paths(self, app):
        for path in (
            "/api/v1/nothing",
            "/hooks",
            "/api",
            "/healthz/x",
            "/api/v1/runs/a/b/c",
            "/api/v1/%2e%2e/%2e%2e/etc",
        ):
            answer = app.test_client().get(path, headers=BEARER)
            assert (answer.status_code, answer.content_type) == (404, "application/problem+json"), path
