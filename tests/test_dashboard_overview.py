"""The first page: full, empty, hostile, and how it words times and sizes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from visiting import Page, Visitor

from core.dashboard import view
from core.dashboard.overview import SHOWN, Overview, render
from core.dashboard.shell import LIVE_EVERY

NOW = datetime(2026, 11, 24, 13, 41, 20, tzinfo=UTC)
IMAGE, QUOTE = '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)"
PAYLOADS = ["<script>alert(1)</script>", IMAGE, QUOTE, "{{ 7 * 191 }}</bdi></title></svg><iframe>"]
EMPTY = Overview(ledger="Valkey 9.1, answers in 0.2 ms")


def at(seconds):
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def a_run(text="handlers.orders.send_receipt", state="succeeded", **changes):
    words = dict.fromkeys(["id", "task", "queue"], text) | {"result": {"greeting": text}, "fire": None}
    times = {"created": at(-10), "due": at(-10), "started": at(-9.5), "finished": at(-8.3)}
    trouble = {"event": {"id": text, "type": text}, "error": {"type": text, "message": text}, "attempts": []}
    progress = {"state": state, "attempt": 1, "progress": {"done": 37, "total": 120}}
    return words | times | trouble | progress | changes


def an_event(text="order.placed", runs=3, **changes):
    shown = [{"id": text, "task": text, "state": view.STATES[number % 10]} for number in range(runs)]
    words = dict.fromkeys(["id", "type", "source", "subject"], text)
    return words | {"time": at(-75), "runs": shown} | changes


def a_schedule(text="exchange-rates", **changes):
    words = dict.fromkeys(["name", "task", "cron", "timezone", "owner", "description"], text)
    last = {"planned": at(-80), "state": "fired", "cause": text, "late": None, "run": text}
    return words | {"enabled": True, "paused": False, "last": last, "next": at(520)} | changes


def a_process(text="worker.1", **changes):
    words = {"id": text, "host": text, "queues": [text, "mail"], "state": "alive"}
    numbers = {"pid": 4711, "concurrency": 8, "busy": 1}
    return words | numbers | {"seen": at(-2), "started": at(-2220)} | changes


def full(text="words", **changes):
    nowhen = dict.fromkeys(["created", "due", "started", "finished"], text)
    runs = [a_run(text, state) for state in (*view.STATES, text)]
    runs += [a_run(text, event=None, fire={"schedule": text, "planned": at(-10)}), a_run(text, **nowhen)]
    last = dict.fromkeys(["planned", "state", "cause", "late"], text)
    schedules = [
        a_schedule(text),
        a_schedule(text, next=text, last=last),
        a_schedule(text, cron=None, every=text, paused=True),
        a_schedule(text, cron=None, at=text, enabled=False, last=None),
    ]
    shown = {"ledger": text, "events": [an_event(text, runs=12)], "runs": runs}
    shown |= {"schedules": schedules, "beats": [a_process(text)]}
    shown |= {"workers": [a_process(text), a_process(text, state=text, seen=text, started=text)]}
    shown |= {"counts": dict.fromkeys(view.STATES, 1234), "alerts": [text, f"No beat is alive. {text}"]}
    return Overview(**(shown | changes))


@pytest.fixture
def load(make_app):
    app = make_app()

    def load(overview, now=NOW):
        with app.test_request_context("/"):
            app.preprocess_request()
            return Page(render(overview, now).get_data(as_text=True))

    return load


def test_full_page_shows_every_state_with_mark_and_word(load):
    page = load(full())
    assert all(f'<use href="#m-{state}"/></svg>{state}' in page.html for state in view.STATES)
    assert "37 of 120 done" in page.words
    assert "1,234 discarded" in page.words
    assert "<title>(2) Overview · Carillon</title>" in page.html


def test_times_are_relative_and_exact_in_the_zone_of_now(load):
    page = load(full(), NOW.astimezone(ZoneInfo("Europe/Berlin")))
    moment = 'datetime="2026-11-24T14:40:05+01:00" title="Tue 24 Nov 2026, 14:40:05 CET">1 min ago'
    assert f"<time {moment}</time>" in page.html
    assert "times in Europe/Berlin" in page.text
    assert "Tuesday 24 November 2026, 14:41:20" in page.text


@pytest.mark.parametrize("overview", [full(), EMPTY, full(ledger=None)])
def test_page_needs_nothing_the_policy_forbids_and_links_nowhere_else(load, overview):
    page = load(overview)
    assert not page.tags & {"style", "iframe", "object", "embed", "base", "img"}
    assert not [name for name in page.names if name == "style" or name.startswith("on")]
    targets = {value for tag, name, value in page.attributes if (tag, name) == ("a", "href")}
    assert {path for path in targets if not path.startswith("/dashboard/")} == {"/", "#main", "/?live=off"}


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("changes", [{}, {"events": [], "runs": [], "counts": {}}])
def test_words_of_strangers_stay_words(load, payload, changes):
    page, calm = load(full(payload, **changes)), load(full(**changes))
    assert payload not in page.html
    assert page.text.count(payload) >= 12
    assert (page.tags - {"wbr"}, page.names) == (calm.tags - {"wbr"}, calm.names)


def test_long_words_are_clipped_and_their_direction_isolated(load):
    page = load(full("\u202e" + "x" * 10_000, alerts=()))
    assert "x" * 200 not in page.html
    assert "<bdi>\u202exxx" in page.html


def test_empty_page_teaches_and_shows_planned_fires_on_its_dial(load):
    page = load(EMPTY)
    assert "Nothing has rung yet" in page.text
    assert "async def greet(event: Hello) -> dict:" in page.text
    assert "none alive" in page.text

    page = load(Overview(ledger="x", schedules=[a_schedule("hourly")]))
    assert "Dial of the next hour: 1 schedule will fire" in page.html
    assert "13:50 hourly" in page.text


def test_page_without_events_but_with_runs_teaches_in_place(load):
    page = load(Overview(ledger="x", runs=[a_run()], counts={"succeeded": 1}))
    for words in ("Overview", "import Event, on", "import cron", "No worker is alive", "No beat is alive"):
        assert words in page.text


def test_page_without_ledger_claims_no_numbers(load):
    alert = "The ledger does not answer. Check REDIS_URL."
    page = load(Overview(ledger=None, alerts=[alert]))
    assert "<strong>The ledger does not answer.</strong> Check REDIS_URL." in page.html
    assert "Nothing has rung yet" not in page.text
    assert "figures" not in page.html


def test_none_wherever_it_may_stand(load):
    nothing = [dict.fromkeys(row()) for row in (a_run, an_event, a_schedule, a_process)]
    unlogged = a_schedule(last=dict.fromkeys(a_schedule()["last"]))
    runs = [nothing[0], a_run(error={"type": "TimeoutError", "message": None}, event={"id": None, "type": None})]
    runs += [a_run(state="running", finished=None, error=None, progress={"done": 3, "total": None})]
    rows = {"events": [nothing[1], an_event(subject=None)], "schedules": [nothing[2], unlogged]}
    rows |= {"workers": [nothing[3]], "beats": [nothing[3]], "runs": runs}
    page = load(Overview(ledger="x", **rows))
    assert "None" not in page.text
    assert "3 done" in page.words


def test_long_lists_say_how_much_more_there_is_and_silent_processes_are_called_so(load):
    page = load(full(schedules=[a_schedule()] * 1030, events=[an_event(runs=0)] * 40))
    assert "1,000 more: GET /api/v1/schedules" in page.words
    assert f"last {SHOWN}, newest first" in page.text
    assert page.text.count("none: no handler answers it") == SHOWN
    page = load(full(workers=[a_process(seen=at(-48))], beats=[a_process(state="draining")]))
    assert "1 silent, the longest 48 s" in page.words
    assert "draining" in page.text


def test_page_looks_for_news_until_the_reader_stops_it(make_app):
    visitor = Visitor(make_app())
    page = visitor.get("/")
    assert (f'<body data-live="{LIVE_EVERY}">' in page.html, "/?live=off" in page.links()) == (True, True)
    still = visitor.get("/?live=off")
    assert ("<body>" in still.html, "/" in still.links()) == (True, True)


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
