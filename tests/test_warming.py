"""What a web process gets ready while it starts, so that its first emit need not wait for it."""

import threading

import pytest
import redis
from processes import Clone
from test_emit import HANDLERS
from waiting import wait_until

from core import Event, emit
from core.embedded import running
from core.ledger.flow import source
from core.testing import application, server
from core.warming import warm


def loaded(client):
    return client.script_exists(source("accept")[1]) == [True]


def test_the_first_emit_asks_for_no_more_than_the_second(package):
    with server() as url, application(url, packages=(package(subject=HANDLERS),)) as app, app.app_context():
        client = redis.Redis.from_url(url)
        assert not loaded(client)
        warm(app).join(5)
        assert loaded(client)
        client.config_resetstat()
        emit(Event(type="order.placed", data={"order_id": 1}))
        asked = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
        assert asked.isdisjoint({"eval", "hello", "client|setinfo", "config|get", "script|load"})
        client.close()


def test_a_ledger_that_is_away_is_no_trouble_here(make_app, server_url):
    app = make_app(HANDLERS, redis_url="unix:///nowhere.sock")
    thread = warm(app)
    thread.join(10)
    assert not thread.is_alive()
    assert "carillon-warming" not in {one.name for one in threading.enumerate()}


@pytest.mark.processes
def test_a_web_process_does_it_before_it_is_asked_for_anything(tmp_path):
    with running(tmp_path / "data") as url, redis.Redis.from_url(url) as client:
        house_of_web = Clone(tmp_path / "house", url)
        house_of_web.start("web")
        try:
            wait_until(lambda: loaded(client), timeout=30, what="the web process has loaded its script")
        finally:
            house_of_web.kill("web")
