"""What tests share: one embedded server, applications with handlers of the test's own, clean contexts."""

import sys
import textwrap
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
import trustme
from browser import MISSING
from browser import chromium as chromium
from browser import empty_site as empty_site
from browser import hostile_site as hostile_site
from browser import locked_site as locked_site
from browser import site as site
from browser import visit as visit
from flask import Flask
from flask.globals import _cv_app
from scheduling_api import Schedules
from strict_names import be_strict
from visiting import Visitor

from core.testing import application, server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report all tests that are skipped for want of a browser in one line."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]:
        report.longrepr = ("tests/browser.py", 1, report.longrepr[2])
    return report


be_strict()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A real Valkey for the whole test run."""
    with server() as url:
        yield url


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A function that writes modules (name=source) into a new package and returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def write(**modules: str) -> str:
        name = f"house_{uuid.uuid4().hex[:8]}"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text(textwrap.dedent(modules.pop("init", "")))
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(textwrap.dedent(source))
        made.append(name)
        return name

    yield write
    for module in [module for module in sys.modules if module.split(".")[0] in made]:
        del sys.modules[module]


@pytest.fixture
def make_app(server_url: str, package: Callable[..., str]) -> Iterator[Callable[..., Flask]]:
    """A function that builds an application from handler source, on a prefix of its own."""
    open_apps = []

    def make(source: str = "", **changes: object) -> Flask:
        changes.setdefault("prefix", f"t{uuid.uuid4().hex[:10]}")
        manager = application(server_url, packages=(package(subject=source),), **changes)
        open_apps.append(manager)
        return manager.__enter__()

    yield make
    for manager in open_apps:
        manager.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def no_context_left() -> Iterator[None]:
    """Fail a test that leaves an application context behind."""
    yield
    left = []
    while context := _cv_app.get(None):
        left.append(context)
        context.pop()
    assert not left, f"contexts left behind: {left}"


@pytest.fixture
def authority(tmp_path) -> tuple[Path, Path, Path]:
    """A CA of the test's own: its certificate, and certificate and key of a server on localhost."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    found = ca.issue_cert("localhost")
    found.private_key_pem.write_to_path(tmp_path / "key.pem")
    found.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem"


@pytest.fixture
def app(make_app: Callable[..., Flask], request: pytest.FixtureRequest) -> Flask:
    """An application with the module's own HANDLERS."""
    return make_app(request.module.HANDLERS)


@pytest.fixture
def api(app):
    """A client of the API of the module's own *app*."""
    return Schedules(app)


@pytest.fixture
def visitor(app):
    """A reader of the pages of the module's own *app*, on this machine."""
    return Visitor(app)
