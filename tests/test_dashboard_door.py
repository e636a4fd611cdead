"""Who gets in, how far, and that nothing acts but a form of ours."""

from pathlib import Path

import pytest
from flask import abort, session
from visiting import Visitor

from core.dashboard.access import ACTS
from core.testing import API_TOKEN, application

REPOSITORY = Path(__file__).parent.parent
PASSWORD, READING = "a password of some length", "another one to read with"


@pytest.fixture
def closed(make_app):
    return make_app(env="production", dashboard_password=PASSWORD, dashboard_read_password=READING)


@pytest.fixture
def visitor(closed):
    return Visitor(closed, secure=True)


def test_in_production_the_door_is_shut_and_leads_back(visitor):
    page = visitor.get("/dashboard/runs?q=state:dead", 303)
    assert page.headers["Location"] == "/dashboard/login?next=/dashboard/runs?q%3Dstate:dead"
    assert "Token or password" in visitor.get(page.headers["Location"]).text
    assert visitor.client.post("/dashboard/logout", base_url=visitor.base).status_code == 303  # to the door


@pytest.mark.parametrize("secret", [API_TOKEN, PASSWORD, READING])
def test_each_secret_opens_it_and_the_cookie_is_for_this_host_alone(visitor, secret):
    page = visitor.sign_in(secret, follow=False)
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-carillon=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "Sign out" in visitor.get("/").text


def test_signing_out_shuts_it_again(visitor):
    visitor.sign_in(PASSWORD)
    assert "You are signed out." in visitor.post("/dashboard/logout").text
    visitor.get("/", 303)


def test_a_wrong_secret_is_said_to_be_wrong_and_the_eleventh_waits(visitor):
    for _ in range(10):
        assert "neither the token nor the password" in visitor.sign_in("wrong", status=401).text
    page = visitor.sign_in(PASSWORD, status=429)
    assert "Too many wrong secrets" in page.text
    assert page.headers["Retry-After"] == "60"


def test_another_secret_ends_the_visits_of_the_old_one(make_app):
    old = make_app(env="production", dashboard_password=PASSWORD)
    visitor = Visitor(old, secure=True)
    visitor.sign_in(PASSWORD)
    visitor.get("/")
    new = Visitor(make_app(env="production", dashboard_password="some other password"), secure=True)
    cookie = visitor.client.get_cookie("__Host-carillon")
    new.client.set_cookie("__Host-carillon", cookie.value, secure=True)
    new.get("/", 303)


@pytest.mark.parametrize(
    "forged", ["", "x", "e30.aaaa.bbbb", "\x00", "eyJ3aG8iOiJ0b2tlbiJ9.awgOjQ.1Ti2yataMJkNrxkFxtO7rFqYfls"]
)
def test_a_forged_cookie_opens_nothing(visitor, forged):
    visitor.get("/", 303, Cookie=f"__Host-carillon={forged}")


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/dashboardx\n", "/api/v1/runs"]
)
def test_the_door_leads_to_pages_of_ours_only(visitor, path):
    assert visitor.sign_in(PASSWORD, follow=False, next=path).headers["Location"] == "/"


def test_the_bearer_of_the_token_may_read(visitor):
    assert "Nothing has rung yet" in visitor.get("/", Authorization=f"Bearer {API_TOKEN}").text
    assert visitor.get("/", 401, Authorization="Bearer wrong").headers["Content-Type"] == "application/problem+json"


def test_in_development_this_machine_needs_no_login_but_a_strangers_name_for_it_does(make_app):
    visitor = Visitor(make_app())
    visitor.get("/")
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000"):
        assert visitor.client.get("/", base_url=f"http://{host}").status_code == 303
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert visitor.client.get("/", base_url=f"http://{host}").status_code == 200
    assert visitor.client.get("/", environ_base={"REMOTE_ADDR": "10.0.0.7"}).status_code == 303


def test_only_a_form_of_this_visit_acts(visitor):
    visitor.sign_in(PASSWORD)
    assert "too old, or cookies are off" in visitor.post("/dashboard/logout", status=403, form_token="").text
    other = Visitor(visitor.client.application, secure=True).token("/dashboard/login")
    assert other
    visitor.post("/dashboard/logout", status=403, form_token=other)
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert "so nothing was done" in visitor.post("/dashboard/logout", status=403, headers=headers).text
    visitor.get("/dashboard/logout", 404)
    visitor.get("/")
    visitor.post("/dashboard/logout", headers={"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"})


def test_a_form_of_any_size_or_kind_is_no_fault_of_the_server(visitor):
    visitor.sign_in(PASSWORD)
    send = visitor.client.post
    assert send("/dashboard/logout", base_url=visitor.base, data=b"x" * 600_000).status_code in (403, 413)
    assert send("/dashboard/logout", base_url=visitor.base, data={"a": "x" * 600_000}).status_code == 413
    many = {f"f{n}": "x" for n in range(2000)}
    assert (
        send("/dashboard/logout", base_url=visitor.base, data=many, content_type="multipart/form-data").status_code
        == 413
    )
    assert send("/dashboard/logout", base_url=visitor.base, data=b"\xff\x00=%ff&&&").status_code == 403


def test_a_hook_knows_the_host_applications_own_users(make_app):
    app = make_app(env="production")
    visitor = Visitor(app, secure=True)
    answers = iter([None, "read_only", {"runs.retry"}, "all", "everything", {"runs.explode"}])
    app.config["DASHBOARD_ACCESS"] = lambda: next(answers)
    visitor.get("/", 303)
    for _ in range(3):
        visitor.get("/")
    assert visitor.client.get("/", base_url=visitor.base).status_code == 500
    assert visitor.client.get("/", base_url=visitor.base).status_code == 500


def test_what_may_be_done_is_known_by_name():
    assert all(act.count(".") == 1 for act in ACTS)


def test_pages_bear_the_headers_that_browsers_need(make_app):
    page = Visitor(make_app()).get("/")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Server-Timing"].startswith("app;dur=")


def test_static_files_are_kept_as_long_as_they_stay_the_same(make_app):
    visitor = Visitor(make_app())
    [style] = [link for link in visitor.get("/").values("href") if link.partition("?")[0].endswith(".css")]
    assert "immutable" in visitor.get(style).headers["Cache-Control"]


def test_what_is_not_there_and_a_ledger_that_is_away_are_pages_too(make_app):
    page = Visitor(make_app()).get("/dashboard/nonsense", 404)
    assert "There is no page" in page.text
    away = Visitor(make_app(redis_url="redis://127.0.0.1:1/0"))
    assert "The ledger did not answer" in away.get("/").text


def test_the_hook_of_the_documentation_works(server_url, package):
    block = (REPOSITORY / "docs/dashboard.md").read_text().partition("```python\n")[2].partition("```")[0]
    with application(server_url, packages=(package(init=block),), env="production", prefix="hook") as app:
        visitor = Visitor(app, secure=True)
        visitor.get("/", 303)
        app.before_request_funcs.setdefault(None, []).append(lambda: session.update(role="support"))
        visitor.get("/")


def test_a_query_of_odd_bytes_is_refused_on_pages_too(make_app):
    assert Visitor(make_app()).client.get("/", environ_overrides={"QUERY_STRING": "q=\xff"}).status_code == 400


def test_a_refusal_by_a_hook_of_the_applications_own_is_a_page(make_app):
    app = make_app()
    app.before_request(lambda: abort(403, "The shop is closed. Come back at nine."))
    page = Visitor(app).get("/", 403)
    assert "The shop is closed. Come back at nine." in page.words
