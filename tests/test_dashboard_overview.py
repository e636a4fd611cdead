"""The first page: full, empty, without its ledger; and how pages word times and sizes."""

from datetime import UTC, datetime, timedelta

import pytest
from populated import populate
from sites import alive
from visiting import Visitor

from benchmarks.seed import PACKAGES
from core.config import ROOT
from core.dashboard import view
from core.dashboard.shell import LIVE_EVERY
from core.testing import application

NOW = datetime(2026, 11, 24, 13, 41, 20, tzinfo=UTC)


def at(seconds):
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def a_run(text="handlers.orders.send_receipt", state="succeeded", **changes):
    words = dict.fromkeys(["id", "task", "queue"], text) | {"result": {"greeting": text}, "fire": None}
    times = {"created": at(-10), "due": at(-10), "started": at(-9.5), "finished": at(-8.3)}
    trouble = {"event": {"id": text, "type": text}, "error": {"type": text, "message": text}, "attempts": []}
    progress = {"state": state, "attempt": 1, "progress": {"done": 37, "total": 120}}
    return words | times | trouble | progress | changes


@pytest.fixture(scope="module")
def shop(server_url):
    with application(server_url, packages=PACKAGES, prefix="overview") as app:
        populate(app)
        with alive(app):
            yield app


def test_a_full_page_tells_how_it_stands(shop):
    page = Visitor(shop).get("/")
    for words in ("Runs a minute", "Accepted to started", "Next 20 fires", "Queues", "Workers and beat", "Failed runs"):
        assert words in page.words
    for figure in ("waiting", "running", "succeeded", "retrying", "dead", "oldest wait", "workers", "beat"):
        assert figure in page.words
    assert "runs in the last hour, " in page.words
    assert "KeyError: 'org'" in page.words
    assert {"/dashboard/schedules", "/dashboard/queues", "/dashboard/workers"} <= set(page.links())


def test_the_day_has_bars_of_a_quarter_of_an_hour(shop):
    hour, day = (Visitor(shop).get(f"/?span={span}") for span in ("hour", "day"))
    assert hour.html != day.html
    assert "Runs a minute" not in day.words
    assert Visitor(shop).get("/?span=nonsense").status == 200


def test_page_looks_for_news_until_the_reader_stops_it(shop):
    visitor = Visitor(shop)
    page = visitor.get("/")
    assert (f'<body data-live="{LIVE_EVERY}">' in page.html, "/?live=off" in page.links()) == (True, True)
    still = visitor.get("/?live=off")
    assert ("<body>" in still.html, "/" in still.links()) == (True, True)


def test_an_empty_page_teaches(make_app):
    page = Visitor(make_app()).get("/")
    assert "Nothing has rung yet" in page.text
    assert "async def greet(event: Hello) -> dict:" in page.text
    assert "none alive" in page.text


def test_without_a_ledger_it_claims_no_numbers(make_app):
    page = Visitor(make_app(redis_url="redis://127.0.0.1:1/0")).get("/")
    assert "The ledger does not answer" in page.text
    assert "figures" not in page.html


def test_nobody_alive_is_an_alert(server_url):
    with application(server_url, packages=PACKAGES, prefix="lonely") as app:
        populate(app)
        page = Visitor(app).get("/")
    assert "make run" in page.words
    assert page.html.count('class="mark"') > 2


DURATIONS = {None: "", 0: "0 ms", 0.0844: "84 ms", 0.9996: "1.0 s", 1.24: "1.2 s", 9.96: "10 s", 59.6: "1 min"}
LONG = {200: "3 min 20 s", 3600: "1 h", 7500: "2 h 5 min", 93_600: "1 d 2 h", -5: "0 ms"}
NEAR = {0: "now", -0.9: "now", -12: "12 s ago", 540: "in 9 min", -3599: "59 min ago", 2.6e5: "in 3 d"}
SIZES = {None: "", 0: "0 B", 512: "512 B", 1638: "1.6 KB", 1048473: "1 MB", 2**30: "1 GB", 2**50: "1024 TB"}


def test_numbers_have_units():
    assert {seconds: view.duration(seconds) for seconds in DURATIONS | LONG} == DURATIONS | LONG
    assert {seconds: view.relative(seconds) for seconds in NEAR} == NEAR
    assert {count: view.size(count) for count in SIZES} == SIZES


def test_times_that_are_none_are_not_guessed():
    for text in (None, "", "soon", "2026-11-24T25:00:00Z", "2026-12-31T23:59:60Z", 5):
        assert view.moment(text, NOW) is None
    assert view.moment("2026-11-24t13:41:20.5z", NOW).exact == "Tue 24 Nov 2026, 13:41:20.500 UTC"
    assert view.moment("0001-01-01T00:00:00+14:00", NOW).relative.endswith("d ago")
    assert view.moment("9999-12-31T23:59:59-12:00", NOW).relative.startswith("in ")


def test_waited_counts_from_the_due_time_and_took_goes_on_while_a_run_runs():
    assert view.waited(a_run(created=at(-100), due=at(-20), started=at(-18))) == "2.0 s"
    assert view.waited(a_run(created=at(-100), due=at(12), started=at(-99))) == "1.0 s"
    assert view.waited(a_run(created=at(-100), due=at(12), started=at(-9), attempt=3)) == ""

    assert view.took(a_run(), NOW) == "1.2 s"
    assert view.took(a_run(state="running", started=at(-75), finished=None), NOW) == "1 min so far"
    assert view.took(a_run(state="retrying", finished=None), NOW) == ""
    assert view.took(a_run(state="cancelled"), NOW) == ""


def test_schedules_say_when_as_their_author_wrote_it():
    assert view.spelling({"cron": "0 7 * * mon-fri"}) == "0 7 * * mon-fri"
    assert view.spelling({"every": 600}) == "every 10 min"
    assert view.spelling({"at": "2026-11-27T09:00:00+01:00"}) == "at 2026-11-27 09:00:00+01:00"
    assert [view.lateness(late) for late in (None, True, 0, 482.4)] == ["", "late", "", "8 min 2 s late"]


def test_tracebacks_name_files_from_the_folder_of_the_application():
    text = f'Traceback:\n  File "{ROOT}/handlers/orders.py", line 7\n  File "/usr/lib/python3/x.py", line 1\n'
    assert (
        view.traced(text) == 'Traceback:\n  File "handlers/orders.py", line 7\n  File "/usr/lib/python3/x.py", line 1'
    )
