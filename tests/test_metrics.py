"""/metrics: what a Prometheus server scrapes, and the readiness check of schedules."""

import re
from datetime import timedelta

from scheduling_api import HANDLERS as HANDLERS
from scheduling_api import moment

from core.clock import now
from core.house import house
from core.ledger.alive import beat
from core.testing import drain, fire_due

SAMPLE = re.compile(r'(carillon_[a-z_]+)(?:\{([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"\})? (-?[0-9.e+]+)')
ROLES = {"worker", "sweeper", "beat"}


def scraped(app):
    """Return kind of each family and value of each sample, read by the rules of the text format."""
    answer = app.test_client().get("/metrics")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    kinds, samples, helped = {}, {}, set()
    assert answer.text.endswith("\n")
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds
            kinds[name] = kind
        else:
            name, label, text, value = SAMPLE.fullmatch(line).groups()
            assert name == list(kinds)[-1], "samples stand under their family"
            assert (name, label, text) not in samples
            samples[name, label, text] = float(value)
    assert helped == set(kinds)
    assert set(kinds.values()) == {"gauge", "counter"}
    assert all(kind == "gauge" or name.endswith("_total") for name, kind in kinds.items())
    return kinds, samples


def test_what_is_counted(app, api):
    fire_due(app, now())  # stores those of the code
    api.act("pause", name="bells.refresh")  # its next planned time may be as near as that of the one made here
    made = api.make(cron="* * * * *")
    api.send("/events", {"type": "order.placed", "data": {"order": 7}})
    first = moment(made["next"])
    fire_due(app, first)
    api.act("skip")
    fire_due(app, first + timedelta(minutes=1))
    drain(app)
    api.act("run")
    _, samples = scraped(app)
    assert samples["carillon_runs", "state", "pending"] == 1
    assert samples["carillon_runs", "state", "succeeded"] == 3
    assert samples["carillon_causes", "kind", "events"] == 1
    assert samples["carillon_schedules", None, None] == 3
    assert samples["carillon_planned_times_total", "state", "fired"] == 1
    assert samples["carillon_planned_times_total", "state", "skipped"] == 1
    assert samples["carillon_planned_times_total", "state", "missed"] == 0
    assert samples["carillon_queue_pending", "queue", "default"] == 1
    assert 0 <= samples["carillon_queue_wait_seconds", "queue", "default"] < 60
    assert samples["carillon_memory_bytes", None, None] > 100_000
    assert {label for name, _, label in samples if name == "carillon_processes"} == ROLES


def test_living_processes(app):
    assert {value for (name, *_), value in scraped(app)[1].items() if name == "carillon_processes"} == {0}
    here = house(app)
    for role, number in (("worker", 1), ("worker", 2), ("beat", 1)):
        here.ledger.run(beat(here.keys, role, f"{role}-{number}", {}))
    _, samples = scraped(app)
    assert [samples["carillon_processes", "role", role] for role in ("worker", "sweeper", "beat")] == [2, 0, 1]


def test_names_of_queues_are_escaped(make_app):
    from core.web.metrics import _family

    text = _family("queue_pending", "gauge", "x", [({"queue": 'a"b\\c\nd'}, 1)])
    assert SAMPLE.fullmatch(text.splitlines()[-1])[3] == 'a\\"b\\\\c\\nd'


def test_what_is_overdue(app, api):
    """A planned time that no beat has come to makes /readyz say so, and is counted."""
    api.make()
    here = house(app)
    for role in ROLES:
        here.ledger.run(beat(here.keys, role, role, {}))
    client = app.test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["schedules"]["ok"]) == (200, True)
    late = now() - timedelta(seconds=90)
    here.ledger.client.zadd(here.layout.timetable, {here.layout.key("mine"): late.timestamp()})
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["failing"]) == (503, ["schedules"])
    assert "1 schedule" in answer.get_json()["checks"]["schedules"]["detail"]
    assert scraped(app)[1]["carillon_schedules_overdue", None, None] == 1
    fire_due(app, now())
    assert client.get("/readyz").status_code == 200
    assert scraped(app)[1]["carillon_schedules_overdue", None, None] == 0


def test_only_get(app):
    assert app.test_client().post("/metrics").status_code == 405
