"""The first page: full, empty, hostile, without a ledger, and the same work however many runs there are."""

import html
import json
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from api import Api
from overview_facts import NOW, a_failure, a_process, a_queue, at, facts, full, missed, tallies, tally
from populated import populate
from sites import alive
from visiting import Page, Visitor

from benchmarks.seed import PACKAGES
from core.clock import from_ms, now, rfc3339, to_ms
from core.config import ROOT
from core.dashboard import view
from core.dashboard.facts import ROWS, look
from core.dashboard.overview import away, lede, render
from core.dashboard.rates import rates
from core.dashboard.shell import LIVE_EVERY
from core.dashboard.strikes import strikes
from core.errors import LedgerUnavailable
from core.house import house
from core.ledger.alive import beat
from core.ledger.deploys import Deploy, deployed
from core.ledger.fires import missed_since
from core.ledger.firing import Fire
from core.quarantine import hold
from core.testing import application, drain

IMAGE, QUOTE = '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)"
PAYLOADS = ["<script>alert(1)</script>", IMAGE, QUOTE, "{{ 7 * 191 }}</bdi></title></svg><iframe>"]

HANDLERS = """
    from core import *

    @on("order.*", name="receipt", queue="mail", retries=0)
    def receipt(event: Event) -> None:
        if event.type == "order.odd":
            raise ConnectionResetError("by peer")

    @every(minutes=5, name="tidy")
    def tidy() -> None: ...

    @cron("0 3 * * *", name="reports/nightly")
    def nightly() -> None: ...
"""


def read(page):
    """Return what a page says, its parts a space apart; without what only tells how its words may break."""
    text = re.sub(r"<wbr>|</?bdi>|<title>.*?</title>", "", page.html)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module")
def shop(server_url):
    with application(server_url, packages=PACKAGES, prefix="overview") as app:
        populate(app)
        with alive(app):
            yield app


@pytest.fixture
def load(make_app):
    app = make_app()

    def load(known, moment=NOW):
        with app.test_request_context("/"):
            app.preprocess_request()
            return Page(render(known, moment).get_data(as_text=True))

    return load


class TestPage:
    def test_says_how_the_last_hour_was(self, load):
        page = load(facts(hour=tally(succeeded=951, dead=6)), NOW.astimezone(ZoneInfo("Europe/Berlin")))
        assert "Tuesday 24 November 2026, 14:41:20 · 957 runs in the last hour, 6 of them failed" in read(page)
        assert "times in Europe/Berlin" in page.text
        assert lede(facts()) == "no run ended in the last hour"
        assert lede(facts(hour=tally(discarded=1))) == "1 run in the last hour, none failed"

    def test_has_figures_with_notes(self, load):
        counts = {"pending": 12, "parked": 3, "scheduled": 41, "running": 6, "succeeded": 161_204, "retrying": 4}
        counts |= {"dead": 7, "expired": 2}
        queues = [a_queue("mail", wait=0.84), a_queue("cpu", wait=0.04), a_queue("export")]
        known = {"counts": counts, "queues": queues, "due": to_ms(NOW) + 12_900, "hour": tally(succeeded=951)}
        page = load(facts(**known))
        for words in (
            "waiting 12 3 parked, 41 scheduled",
            "running 6 of 8 slots",
            "succeeded 951 last hour · 161,204 kept",
            "retrying 4 next attempt in 12 s",
            "dead 7 kept 30 days · 2 expired",
            "oldest wait 840 ms queue mail",
            "workers 1 heartbeat 2 s old at most",
            "beat 2 s leads since 13:11",
        ):
            assert words in read(page)
        assert '<dd class="bad">7</dd>' in page.html

    def test_has_figures_without_anything(self, load):
        page = load(facts(processes=()))
        for words in ("oldest wait none nothing waits", "workers 0 no heartbeat", "beat none no heartbeat"):
            assert words in read(page)
        waits = facts(counts={"retrying": 101}, due=to_ms(NOW) - 5, queues=[a_queue(wait=7500)])
        assert "next attempt within 0 s" in read(load(waits))
        assert "oldest wait 2 h" in read(load(waits))
        standing = [a_process("beat", leader=False, leads_since=None), a_process(seen=at(-48))]
        assert "none leads yet" in read(load(facts(processes=standing)))
        assert "1 silent, the longest 48 s" in read(load(facts(processes=standing)))

    def test_lists_queues_with_the_longest_first_and_says_how_many_more_there_are(self, load):
        queues = [a_queue(f"q{n}", pending=n, running=1) for n in range(11)]
        page = load(facts(queues=[*queues, a_queue("odd", pending=99, exact=False, workers=0, slots=0, parked=3)]))
        assert "odd 3 parked no worker ~99 none 0 q10 10 none 1 of 8" in read(page)
        assert ("4 more" in read(page), "q2 " in read(page)) == (True, False)

    def test_lists_processes_with_what_they_are_at(self, load):
        worker = a_process(stuck=2, quiet=True, memory=None)
        rows = [worker, a_process(ident="w.2", seen=at(-20), stopping=True), a_process("beat", "b", leader=False)]
        page = load(facts(processes=rows))
        assert "w.2 silent stops 1 of 8 142 MB 37 min 20 s worker.1 2 stuck quiet 1 of 8 37 min 2 s" in read(page)
        assert "b stands by 142 MB 37 min 2 s" in read(page)
        assert "No beat is alive: start one with make run" in read(load(facts(processes=[worker])))

    def test_lists_the_newest_failed_runs(self, load):
        page = load(facts(failures=[a_failure("ValueError")], counts={"dead": 1, "expired": 3}))
        assert "ValueError ValueError: ValueError dead 1 min ago" in read(page)
        assert "/dashboard/runs/ValueError" in page.links()
        assert "4 kept" in read(page)

    def test_lists_the_next_fires_by_the_clock_of_the_reader(self, load):
        fires = [{"name": name, "next": at(seconds)} for name, seconds in (("a/b c", 100), ("d", 110), ("e", 2000))]
        page = load(facts(fires=fires, schedules=7), NOW.astimezone(ZoneInfo("Asia/Kolkata")))
        assert "19:13 a/b c in 1 min same minute d in 1 min 19:44 e in 33 min" in read(page)
        assert "/dashboard/schedules/a/b%20c" in page.links()
        assert "Next 3 fires 7 schedules" in read(page)
        assert "No schedule is going to fire" in read(load(facts(schedules=1)))
        assert "from core import cron" in load(facts()).text

    def test_parts_the_next_fires_by_the_hour(self):
        times = ["2026-11-24T13:59:00Z", "2026-11-24T14:00:00Z", "2026-11-25T14:00:00Z", "9999-12-31T23:59:59Z"]
        found = strikes([{"name": "a", "next": time} for time in times], NOW)
        assert [(one.clock, one.parted) for one in found[:3]] == [("13:59", False), ("14:00", True), ("14:00", True)]

    @pytest.mark.parametrize("known", [full(), facts(), full(failing=("workers", "sweeper", "beat"))])
    def test_needs_nothing_the_policy_forbids(self, load, known):
        page = load(known)
        assert not page.tags & {"style", "iframe", "object", "embed", "base", "img"}
        assert not [name for name in page.names if name == "style" or name.startswith("on")]
        assert all(target.startswith(("/", "#main")) for target in page.links())

    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_words_of_strangers_stay_words(self, load, payload):
        page, calm = load(full(payload)), load(full())
        assert payload not in page.html
        assert page.text.count(payload) >= 12
        assert (page.tags - {"wbr"}, page.names) == (calm.tags - {"wbr"}, calm.names)

    def test_long_words_are_clipped_and_their_direction_isolated(self, load):
        page = load(full("\u202e" + "x" * 10_000))
        assert "x" * 700 not in page.text
        assert "<bdi>\u202exx" in page.html

    def test_none_wherever_it_may_stand(self, load):
        worker = dict.fromkeys(a_process()) | {"role": "worker", "id": "w"}
        failure = a_failure() | {"error": None, "created": None}
        page = load(facts(processes=[worker, worker | {"role": "beat"}], failures=[failure], counts={}))
        assert "None" not in page.text.replace("None. A run", "").replace("-> None:", "")


class TestCharts:
    def test_have_a_sentence_titles_and_deploys(self, load):
        made = tallies(lambda n: {"succeeded": n % 3 * 10, "dead": int(n == 5), "p50": 11, "p95": 48})
        deploy = Deploy("v214", to_ms(NOW) - 30 * 60_000)
        page = load(facts(tallies=made, deploys=[deploy]))
        said = "Runs ended in each minute from 12:42 to 13:42: between 0 and 21, 600 ended well and 1 failed."
        assert page.values("aria-label") >= {
            f"{said} Deploy v214 at 13:11.",
            "Time from accepted to started from 12:42 to 13:42: median between 11 ms and 11 ms, "
            "95th percentile up to 48 ms. Deploy v214 at 13:11.",
        }
        assert "<title>12:47: 20 succeeded, 1 failed</title>" in page.html
        assert ("p50 11 ms · p95 48 ms now" in read(page), "v214 · 13:11" in read(page)) == (True, True)
        assert page.html.count('class="b-pale"') == 40 + 1  # the key has one

    def test_of_a_day_and_of_the_zone_of_the_reader(self, load):
        made = tallies(lambda n: {"succeeded": 1, "cancelled": 2, "dead": 2, "p50": 1, "p95": 2}, "day")
        page = load(facts(tallies=made, span="day"), NOW.astimezone(ZoneInfo("Europe/Berlin")))
        assert "Runs a quarter of an hour Hour Day" in read(page)
        assert "<title>14:30: 1 succeeded, 2 cancelled, 2 failed</title>" in page.html
        assert "succeeded, cancelled failed, set on top" in read(page)
        assert page.html.count('class="b-bad"') == 96 + 1

    @pytest.mark.parametrize("made", [tallies(lambda n: {}), []])
    def test_are_a_sentence_where_nothing_was_counted(self, load, made):
        page = load(facts(tallies=made))
        assert "No run ended in the last hour." in read(page)
        assert "No run began in the last hour." in read(page)
        assert 'class="chart"' not in page.html

    def test_of_a_line_with_gaps_and_a_last_wait_of_long_ago(self):
        made = tallies(lambda n: {"p50": 5, "p95": 100} if n in (3, 10, 11) else {"succeeded": 1})
        found = rates(facts(tallies=made), NOW)
        assert len(found.p50) == len(found.p95) == 2
        assert found.latest == "p50 5 ms · p95 100 ms at 12:53"

    def test_words_of_deploys_do_not_stand_on_each_other(self):
        times = {"v1": 55, "v2": 50, "v3": 10, "v4": 6, "v5": 5, "old": 90}
        deploys = [Deploy(name, to_ms(NOW) - minutes * 60_000) for name, minutes in times.items()]
        marks = rates(facts(tallies=tallies(lambda n: {}), deploys=sorted(deploys, key=lambda one: one.at)), NOW).marks
        assert [(mark.title.split()[0], bool(mark.words), mark.ends) for mark in marks] == [
            ("v1", False, False),
            ("v2", True, False),
            ("v3", False, True),
            ("v4", False, True),
            ("v5", True, True),
        ]


class TestAlone:
    """What a real ledger knows."""

    def test_page_of_a_new_application_teaches(self, make_app):
        page = Visitor(make_app()).get("/")
        assert "Nothing has rung yet" in page.text
        assert "async def greet(event: Hello) -> dict:" in page.text
        assert "none alive: start it with make run" in page.words
        assert "handlers none found in handlers/ yet schedules none yet" in read(page)
        assert "answers in" in read(page)

    def test_it_shows_planned_fires_on_its_dial(self, make_app):
        app = make_app(HANDLERS)
        house(app).clockwork.add_missing(now())
        page = Visitor(app).get("/")
        assert "handlers 1 found schedules 2 known , the first fires" in read(page)
        assert "will fire. The hand stands" in page.html

    def test_page_shows_what_happened(self, make_app):
        app = make_app(HANDLERS, release="v7")
        api, here = Api(app), house(app)
        here.clockwork.add_missing(now())
        here.ledger.run(deployed(here.keys, "v7", to_ms(now())))
        here.ledger.run(beat(here.keys, "worker", "w.1", {"concurrency": 4, "queues": ["mail"], "memory": 9 * 2**20}))
        for kind in ("order.placed", "order.odd"):
            api.send("/events", {"type": kind, "data": {}})
        drain(app)
        api.send("/events", {"type": "order.placed", "data": {}})
        page = Visitor(app).get("/")
        assert "2 runs in the last hour, 1 of them failed" in read(page)
        for words in ("waiting 1 ", "of 4 slots", "last hour · 1 kept", "1 kept", "ConnectionResetError: by peer"):
            assert words in read(page)
        assert ("mail 1 " in read(page), "w.1 0 of 4 9 MB" in read(page)) == (True, True)
        assert "Next 20 fires 2 schedules" in read(page)
        assert "1 succeeded, 1 failed</title>" in page.html
        assert "v7 · " in read(page)
        assert read(Visitor(app).get("/?span=day")).count("Runs a quarter of an hour") == 1

    @pytest.mark.parametrize("query", ["span=year", "span=%00", "live=x&span=", "span=day&span=hour"])
    def test_odd_queries_are_no_trouble(self, make_app, query):
        Visitor(make_app(HANDLERS)).get(f"/?{query}")

    def test_page_looks_for_news_until_the_reader_stops_it(self, make_app):
        visitor = Visitor(make_app())
        page = visitor.get("/")
        assert (f'<body data-live="{LIVE_EVERY}">' in page.html, "/?live=off" in page.links()) == (True, True)
        still = visitor.get("/?live=off")
        assert ("<body>" in still.html, "/" in still.links()) == (True, True)

    def test_page_without_ledger_claims_no_numbers(self, make_app):
        app = make_app()
        with app.test_request_context("/"):
            app.preprocess_request()
            page = Page(away(LedgerUnavailable("The ledger at x does not answer. Check it.")).get_data(as_text=True))
        assert "The ledger does not answer: The ledger at x does not answer. Check it. See the doctor" in read(page)
        assert ("figures" in page.html, "Nothing has rung yet" in page.text) == (False, False)


class TestShop:
    """A populated ledger."""

    def test_a_full_page_tells_how_it_stands(self, shop):
        page = Visitor(shop).get("/")
        for words in (
            "Runs a minute",
            "Accepted to started",
            "Next 20 fires",
            "Queues",
            "Workers and beat",
            "Failed runs",
        ):
            assert words in read(page)
        for figure in ("waiting", "running", "succeeded", "retrying", "dead", "oldest wait", "workers", "beat"):
            assert figure in read(page)
        assert "runs in the last hour, " in read(page)
        assert "KeyError: 'org'" in read(page)
        assert {"/dashboard/schedules", "/dashboard/queues", "/dashboard/workers"} <= set(page.links())

    def test_the_day_has_bars_of_a_quarter_of_an_hour(self, shop):
        hour, day = (Visitor(shop).get(f"/?span={span}") for span in ("hour", "day"))
        assert hour.html != day.html
        assert "Runs a minute" not in read(day)
        assert Visitor(shop).get("/?span=nonsense").status == 200

    def test_without_a_ledger_it_claims_no_numbers(self, make_app):
        page = Visitor(make_app(redis_url="redis://127.0.0.1:1/0")).get("/")
        assert "The ledger does not answer" in page.text
        assert "figures" not in page.html

    def test_nobody_alive_is_an_alert(self, server_url):
        with application(server_url, packages=PACKAGES, prefix="lonely") as app:
            populate(app)
            page = Visitor(app).get("/")
        assert "make run" in read(page)
        assert page.html.count('class="mark"') > 2


class TestMissed:
    def test_newest_missed_row_of_the_last_ones_that_is_not_older_than_asked(self, make_app):
        here = house(make_app())
        rows = {
            "fine": [Fire(planned=NOW, state="fired", cause="on time", run="missed")],
            "new": [Fire(planned=NOW, state="fired", cause="on time"), missed(planned=-60)[1], missed(planned=-90)[1]],
            "long": [missed(planned=-90_000, until=NOW, count=9)[1]],
            "old": [missed(planned=-90_000)[1]],
            "deep": [missed(planned=-99)[1], *(Fire(planned=NOW, state="fired", cause=f"{n}") for n in range(ROWS))],
        }
        for name, fires in rows.items():
            here.ledger.client.zadd(here.keys.fires(name), {fire.row(): fire.ms for fire in fires})
        day = NOW - timedelta(hours=24)
        found = dict(here.ledger.run(missed_since(here.keys, [*rows, "none"], day, ROWS)))
        assert list(found) == ["new", "long"]
        assert found["new"].planned == NOW - timedelta(seconds=60)
        assert here.ledger.run(missed_since(here.keys, [], day, ROWS)) == []

    def test_is_told_with_what_is_held_and_overdue(self, make_app):
        app = make_app(HANDLERS)
        here, moment = house(app), now()
        here.clockwork.add_missing(moment)
        fire = Fire(planned=moment - timedelta(hours=2), state="missed", cause="no scheduler fired it within 60 s")
        here.ledger.client.zadd(here.keys.fires("tidy"), {fire.row(): fire.ms})
        here.ledger.run(hold(here.layout, {"reports/nightly": "Its task is gone. Name another."}, [], moment))
        here.ledger.client.zadd(here.layout.timetable, {here.layout.key("tidy"): moment.timestamp() - 90})
        known = here.ledger.run(look(here, "hour", moment))
        assert known.overdue == (1, ["tidy"])
        assert [name for name, _ in known.missed] == ["tidy"]
        page = Visitor(app).get("/")
        assert "Missed: tidy planned" in read(page)
        assert "Held: reports/nightly is not fired since" in read(page)
        assert "Its task is gone. Name another. See it" in read(page)
        assert "/dashboard/schedules/reports/nightly" in page.links()


def test_the_work_does_not_grow_with_the_runs(make_app):
    app = make_app(HANDLERS)
    here, api = house(app), Api(app)

    def steps():
        flow, commands, rounds = look(here, "day", now()), 0, 0
        try:
            asked = next(flow)
            while True:
                commands, rounds = commands + len(asked), rounds + 1
                asked = flow.send(here.ledger._answers(asked))
        except StopIteration:
            return commands, rounds

    def fail(count):
        for _ in range(count):
            api.send("/events", {"type": "order.odd", "data": {}})
        drain(app)

    fail(10)
    few, rounds = steps()
    fail(40)
    for _ in range(20):
        api.send("/events", {"type": "order.placed", "data": {}, "delay": 60})
    assert steps()[0] <= few + 2
    assert rounds <= 9


def test_retrying_runs_say_when_the_next_attempt_is(make_app):
    app = make_app(HANDLERS.replace("retries=0", "retries=3"))
    Api(app).send("/events", {"type": "order.odd", "data": {}})
    drain(app)
    here = house(app)
    [run] = Api(app).get("/runs")["items"]
    known = here.ledger.run(look(here, "hour", now()))
    assert rfc3339(from_ms(known.due)) == run["due"]
    assert datetime.fromisoformat(run["due"]) > now()
    assert json.loads(json.dumps(known.counts))["retrying"] == 1


def test_tracebacks_name_files_from_the_folder_of_the_application():
    text = f'Traceback:\n  File "{ROOT}/handlers/orders.py", line 7\n  File "/usr/lib/x.py", line 1\n'
    assert view.traced(text) == 'Traceback:\n  File "handlers/orders.py", line 7\n  File "/usr/lib/x.py", line 1'
