"""The environment: every variable, all problems at once, no secret shown."""

import json
import os
import stat
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from kombu.utils.url import parse_url

from core.config import Config, celery_url
from core.errors import ConfigError
from core.house import house

PRODUCTION = {
    "SECRET_KEY": "a-key",
    "API_TOKEN": "a-token",
    "REDIS_URL": "redis://:a-password@redis.example:6379/2",
}


@pytest.fixture
def read(tmp_path):
    """A function that reads an environment, beside an empty folder for data."""
    return lambda **environ: Config.from_env(environ, data=tmp_path / ".data")


def problems(read, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(**environ)
    return caught.value.problems


def test_defaults_of_production(read):
    found = read(**PRODUCTION)
    assert (found.env, found.development, found.port, found.prefix) == ("production", False, 8000, "carillon")
    assert found.broker_url == found.result_backend == found.redis_url == PRODUCTION["REDIS_URL"]
    assert (found.keys, found.api_token, found.webhook_secrets) == (("a-key",), "a-token", {})
    assert (found.ledger_memory, found.history_memory, found.hook_max_body) == (1 << 30, 0, 5 << 20)
    assert (found.redbeat_tasks, found.notes, found.database_url) == ((), (), "")


def test_every_variable(read):
    found = read(
        CARILLON_ENV="development",
        PORT=" 5000 ",
        REDIS_URL="unix:///run/redis.sock?db=3",
        CELERY_BROKER_URL="amqp://guest:pw@rabbit//",
        CELERY_RESULT_BACKEND="db+postgresql://user:pw@db/results",
        DATABASE_URL="postgresql://user:pw@db/app",
        SECRET_KEY="new",
        SECRET_KEY_FALLBACKS="old, older,,",
        API_TOKEN="token",
        GITHUB_WEBHOOK_SECRET="one, two",
        MY_SHOP_WEBHOOK_SECRET="three",
        EMPTY_WEBHOOK_SECRET=" , ",
        CARILLON_PREFIX="shop-2",
        LEDGER_MEMORY="512mb",
        HISTORY_MEMORY="1000",
        HOOK_MAX_BODY="64KB",
        REDBEAT_TASKS="shop.*, other.task",
        CARILLON_RELEASE="v42",
        HEROKU_RELEASE_VERSION="v7",
    )
    assert found.release == "v42"
    assert (found.development, found.port, found.redis_url) == (True, 5000, "unix:///run/redis.sock?db=3")
    assert found.broker_url == "amqp://guest:pw@rabbit//"
    assert found.result_backend == "db+postgresql://user:pw@db/results"
    assert found.database_url == "postgresql://user:pw@db/app"
    assert (found.keys, found.api_token) == (("new", "old", "older"), "token")
    assert found.webhook_secrets == {"github": ("one", "two"), "my-shop": ("three",)}
    assert (found.prefix, found.redbeat_tasks) == ("shop-2", ("shop.*", "other.task"))
    assert (found.ledger_memory, found.history_memory, found.hook_max_body) == (512 << 20, 1000, 64 << 10)


def test_the_release_is_named_by_us_or_by_the_platform(read):
    assert read(**PRODUCTION).release == ""
    assert read(**PRODUCTION, HEROKU_RELEASE_VERSION="v7").release == "v7"
    assert read(**PRODUCTION, CARILLON_RELEASE="v" * 101).release == "v" * 100


def test_all_problems_at_once(read):
    found = problems(
        read,
        CARILLON_ENV="staging",
        PORT="70000",
        REDIS_URL="http://x",
        CELERY_BROKER_URL="amqp://[x",
        LEDGER_MEMORY="much",
        HISTORY_MEMORY="-1",
        HOOK_MAX_BODY="9" * 5000,
        CARILLON_PREFIX="größe {}",
    )
    names = ["CARILLON_ENV", "PORT", "REDIS_URL", "CELERY_BROKER_URL", "SECRET_KEY", "API_TOKEN", "CARILLON_PREFIX"]
    names += ["LEDGER_MEMORY", "HISTORY_MEMORY", "HOOK_MAX_BODY"]
    assert sorted(problem.split()[0] for problem in found) == sorted(names)


@pytest.mark.parametrize("missing", PRODUCTION)
def test_production_refuses_what_is_missing(read, missing):
    for value in ({}, {missing: " "}):
        [problem] = problems(read, **{name: text for name, text in PRODUCTION.items() if name != missing}, **value)
        assert problem.startswith(f"{missing} is not set")


@pytest.mark.parametrize("port", ["0", "-1", "65536", "80a", "²", "1e3", "9" * 5000])
def test_ports_that_are_none(read, port):
    assert problems(read, **PRODUCTION, PORT=port)[0].startswith("PORT is")


@pytest.mark.parametrize(
    "url",
    ["redis://[::1", "redis://host:port/0", "redis://:a-password@host:99999/", "http://:a-password@host/", "host:6379"],
)
def test_urls_that_are_none_are_refused_without_their_password(read, url):
    [problem] = problems(read, **PRODUCTION | {"REDIS_URL": url})
    assert problem.startswith("REDIS_URL")
    assert "a-password" not in problem


class TestSecrets:
    def test_nothing_that_is_shown_holds_one(self, read):
        urls = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "DATABASE_URL")
        found = read(
            **PRODUCTION,
            **{name: f"redis://user:hidden-{n}@host/" for n, name in enumerate(urls)},
            SECRET_KEY_FALLBACKS="hidden-4",
            GITHUB_WEBHOOK_SECRET="hidden-5",
        )
        for text in (repr(found), str(found), f"{found}"):
            assert not [word for word in ("a-key", "a-token", "a-password", "hidden") if word in text]

    def test_in_development_they_are_kept_for_the_owner_alone(self, read, tmp_path):
        environ = {"CARILLON_ENV": "development", "REDIS_URL": "redis://host"}
        first, second = read(**environ), read(**environ)
        assert (first.keys, first.api_token) == (second.keys, second.api_token)
        assert first.keys[0] != first.api_token
        assert min(len(first.keys[0]), len(first.api_token)) >= 43
        kept = [tmp_path / ".data" / name for name in ("secret_key", "api_token")]
        assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600, 0o600]
        assert stat.S_IMODE((tmp_path / ".data").stat().st_mode) == 0o700
        assert sorted(path.name for path in (tmp_path / ".data").iterdir()) == ["api_token", "secret_key"]
        assert read(**environ, API_TOKEN="given").api_token == "given"

    def test_production_neither_reads_nor_keeps_any(self, read, tmp_path):
        read(CARILLON_ENV="development", REDIS_URL="redis://host")
        assert len(problems(read, REDIS_URL="redis://host")) == 2
        assert read(**PRODUCTION).api_token == "a-token"


class TestRunning:
    def test_commands_find_what_make_run_noted(self, read, tmp_path):
        (tmp_path / ".data").mkdir()
        note = tmp_path / ".data" / "run.json"
        said = {"env": "development", "redis_url": "unix:///x.sock?db=0", "pid": os.getpid()}
        note.write_text(json.dumps(said))
        found = read()
        assert (found.development, found.redis_url) == (True, "unix:///x.sock?db=0")
        assert read(**PRODUCTION, CARILLON_ENV="production").redis_url == PRODUCTION["REDIS_URL"]
        ended = subprocess.Popen(["true"])
        ended.wait()
        of_the_dead = [json.dumps(said | {"pid": pid}) for pid in (ended.pid, None, "1", 0, -1)]
        for text in ("", "{", "[]", "null", '"x"', *of_the_dead):
            note.write_text(text)
            assert problems(read, CARILLON_ENV="development")[0].startswith("REDIS_URL is not set")


class TestUrls:
    def test_unix_sockets_as_kombu_spells_them(self):
        assert celery_url("unix:///run/redis.sock?db=3") == "redis+socket:///run/redis.sock?virtual_host=3"
        assert celery_url("unix:///run/redis.sock") == "redis+socket:///run/redis.sock?virtual_host=0"
        assert celery_url("redis://host/1") == "redis://host/1"

    def test_a_broker_may_have_several_hosts(self, read, tmp_path):
        several = read(**PRODUCTION, CELERY_BROKER_URL="amqp://one:5672; amqp://two:5673")
        assert several.broker_url == "amqp://one:5672;amqp://two:5673"
        assert (
            "CELERY_BROKER_URL is not a URL" in problems(read, **PRODUCTION, CELERY_BROKER_URL="amqp://a;amqp://b:x")[0]
        )
        secured = read(**PRODUCTION, CELERY_BROKER_URL="rediss://one;rediss://two", REDIS_TLS_VERIFY="no")
        assert [parse_url(url)["ssl"]["ssl_check_hostname"] for url in secured.broker_url.split(";")] == [False, False]

    def test_tls_is_verified_unless_told_otherwise(self, read, tmp_path):
        (tmp_path / "ca.pem").write_text("")
        urls = PRODUCTION | {"REDIS_URL": "rediss://:pw@host:6380/1", "CELERY_BROKER_URL": "rediss://broker"}
        plain = read(**urls, REDIS_CA_FILE=str(tmp_path / "ca.pem"))
        for url in (plain.redis_url, plain.broker_url):
            query = parse_qs(urlsplit(url).query)
            assert query == {"ssl_cert_reqs": ["required"], "ssl_ca_certs": [str(tmp_path / "ca.pem")]}
        assert plain.notes == ()
        open_ = read(**urls, REDIS_TLS_VERIFY="No")
        settings = redis.connection.parse_url(open_.redis_url)
        assert (settings["ssl_cert_reqs"], settings["ssl_check_hostname"]) == ("none", False)
        assert parse_url(open_.broker_url)["ssl"]["ssl_check_hostname"] is False
        assert open_.notes == ("REDIS_TLS_VERIFY=no: the certificate of the Redis server is not verified.",)
        said = read(**PRODUCTION | {"REDIS_URL": "rediss://host?ssl_cert_reqs=optional"}, REDIS_TLS_VERIFY="no")
        assert "ssl_cert_reqs=optional" in said.redis_url
        assert "ssl_" not in read(**PRODUCTION, REDIS_TLS_VERIFY="no").redis_url

    def test_problems_with_tls_are_told_once(self, read):
        urls = PRODUCTION | {"REDIS_URL": "rediss://host", "CELERY_BROKER_URL": "rediss://host"}
        found = problems(read, **urls, REDIS_TLS_VERIFY="maybe", REDIS_CA_FILE="/nothing/here.pem")
        assert [problem.split()[0] for problem in found] == ["REDIS_TLS_VERIFY", "REDIS_CA_FILE"]


def test_flask_variables_reach_the_app(make_app, monkeypatch):
    monkeypatch.setenv("FLASK_CELERY__task_time_limit", "30")
    monkeypatch.setenv("FLASK_MAX_FORM_PARTS", "7")
    app = make_app("")
    assert app.config["CELERY"] == {"task_time_limit": 30}
    assert (house(app).celery.conf.task_time_limit, app.config["MAX_FORM_PARTS"]) == (30, 7)
    assert house(app).celery is app.extensions["celery"]


def test_the_repository_ignores_what_is_kept():
    assert ".data" in (Path(__file__).parent.parent / ".gitignore").read_text().replace("/", "").split()
