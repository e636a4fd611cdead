"""The load test of pages: what it finds, how it counts, when it complains."""

import json

import pytest
from flask import Flask
from sites import serving

from benchmarks.pages import Links, main

FIRST = """<a href="/dashboard/far">x</a><nav><a href="/">o</a><a href="/dashboard/runs?state=dead">r</a>
<a href="https://elsewhere.example/">e</a><a href="/static/x.css">s</a></nav>"""
LIST = '<a href="/dashboard/runs/1">1</a><a href="/dashboard/runs/2">2</a><a href="/dashboard/runs?page=2">next</a>'


@pytest.fixture
def url():
    app = Flask("pages")

    @app.get("/")
    def first():
        return FIRST, {"Server-Timing": 'db;dur=3, app;desc="all";dur=12.5'}

    @app.get("/dashboard/runs")
    def listed():
        return LIST, {"Server-Timing": "app;dur=250"}

    @app.get("/dashboard/runs/<number>")
    def one(number):
        return "x" * 200_000

    with serving(app) as url:
        yield url


def test_links_are_those_of_the_nav_and_of_the_site():
    assert Links(FIRST, "http://here/").paths == ["/", "/dashboard/runs?state=dead"]
    assert Links(LIST, "http://here/dashboard/runs").paths[-1] == "/dashboard/runs?page=2"


def test_pages_are_found_timed_and_judged(url, capsys):
    assert main(["--url", url, "--times", "3", "--json"]) == 1
    first, listed, one = json.loads(capsys.readouterr().out)
    assert (first["path"], first["p95"], first["told"], first["faults"]) == ("/", 12.5, True, [])
    assert (listed["path"], listed["faults"]) == ("/dashboard/runs?state=dead", ["p95 over 100 ms"])
    assert (one["path"], one["bytes"], one["told"], one["faults"]) == (
        "/dashboard/runs/1",
        200_000,
        False,
        ["over 150 KB"],
    )
    assert len(one["times"]) == 3


def test_limits_can_be_moved_and_pages_named(url, capsys):
    pages = ["/", "/dashboard/runs", "/dashboard/runs/1"]
    assert main(["--url", url, "--times", "2", "--max-ms", "5000", "--max-kb", "200", *pages]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main(["--url", url, "--times", "2", "/none"]) == 1
    assert "/none  <- status 404" in capsys.readouterr().out


def test_nothing_there(capsys):
    assert main(["--url", "http://127.0.0.1:1"]) == 69
    assert "does not answer" in capsys.readouterr().err
