"""A small application of its own for the tests of the command line, and the fixtures that run its commands."""

import json

import pytest

from core import embedded
from core.app import create_app
from core.config import Config, celery_url
from core.house import house

PACKAGE = "bells_of_test_cli"
NOWHERE = "redis://127.0.0.1:1/0"
CODE = '''
from core import Event, cron, every, on, run, task

class OrderPlaced(Event, type="order.placed"):
    """A customer paid.

    More is said here.
    """
    order: int

class OrderLost(Event, type="order.lost"):
    order: int

@on(OrderPlaced, queue="mail")
def send_receipt(event):
    run.log(f"to order {event.order}")
    run.progress(1, 2)
    return {"sent": event.order}

@on(OrderLost, retries=0)
def search(event):
    raise LookupError(f"order {event.order} is nowhere")

@on("shop.*", "order.placed")
def archive(event):
    pass

@task()
def tidy(days: int):
    pass

@cron("0 7 * * mon-fri", timezone="Europe/Berlin")
def report():
    pass

@every(minutes=5)
def refresh():
    pass
'''
REPORT, REFRESH = f"{PACKAGE}.report", f"{PACKAGE}.refresh"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("code")
    (path / PACKAGE).mkdir()
    (path / PACKAGE / "__init__.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path)
        yield path


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with embedded.running(tmp_path_factory.mktemp("data"), 64 << 20) as found:
        yield found


def made(url):
    config = Config(
        redis_url=url, broker_url=celery_url(url), result_backend=celery_url(url), keys=("k",), api_token="t"
    )
    return create_app(config, packages=(PACKAGE,))


def closed(app):
    house(app).close()
    house(app).runner.ledger.close()
    house(app).celery.close()


@pytest.fixture(scope="module")
def application(url, folder):
    app = made(url)
    yield app
    closed(app)


@pytest.fixture(scope="module")
def stranded(folder):
    app = made(NOWHERE)
    yield app
    closed(app)


@pytest.fixture
def app(application):
    house(application).ledger.client.flushall()
    return application


@pytest.fixture
def here(app):
    return house(app)


@pytest.fixture
def flask(app):
    """Run a command; return what it printed, once it ended as *code* says."""
    runner = app.test_cli_runner()

    def run(*words, code=0, **how):
        result = runner.invoke(args=words, **how)
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.output

    return run


@pytest.fixture
def said(flask):
    """Run a command with --json; return what it says."""
    return lambda *words, **how: json.loads(flask(*words, "--json", **how))


@pytest.fixture
def placed(said):
    """Emit an event; return the id of its first run."""

    def emit(*words):
        return said("events", "emit", *words)["runs"][0]["id"]

    return emit


def rows(table):
    return [line.split() for line in table.splitlines()]


