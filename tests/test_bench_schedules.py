"""The parts of the measurement of schedules: medians, verdicts, what a message says, how late it came."""

import json
from base64 import b64encode

import pytest

from benchmarks.bench import environments
from benchmarks.bench.environments import pinned
from benchmarks.bench.schedules import __main__ as command
from benchmarks.bench.schedules.plays import _argument
from benchmarks.bench.schedules.report import FIGURES, PACKAGES, WORKS, Findings
from benchmarks.bench.schedules.setups import OurBeat, drifts


def found(ours=(), redbeat=()):
    findings = Findings(3, 1.0)
    for system, seconds in (("ours", ours), ("RedBeat", redbeat)):
        if seconds:
            figures = [{"seconds": one, "own_us": 100.0, "server_us": 50.0} for one in seconds]
            findings.rounds["burst", system] = figures
    return findings


def test_every_work_is_played_and_has_figures():
    assert set(command.PLAYS) == set(WORKS) == {figure.work for figure in FIGURES}
    with pytest.raises(SystemExit, match="There is no brust"):
        command.main(["--only", "brust"])


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [((1.0, 9.0, 1.1), (13.2, 14.0, 13.5), "met"), ((1.3,), (20.0,), "missed"), ((1.0,), (11.0,), "missed")],
)
def test_a_verdict_wants_medians_and_their_ratio(ours, theirs, verdict):
    line = found(ours, theirs).lines()[0]
    assert (line["figure"], line["verdict"]) == ("seconds", verdict)


def test_what_could_not_be_played_is_told(tmp_path):
    findings = found(ours=(1.0,))
    findings.failed.append("burst / RedBeat, round 1: it fell")
    findings.write(tmp_path)
    text = (tmp_path / "schedules.md").read_text()
    assert "| s until the last message is with the broker | 1.00 | - | - | at most 1.2," in text
    assert "- could not be played: burst / RedBeat, round 1: it fell" in text
    assert json.loads((tmp_path / "schedules.json").read_text())["rounds"]["burst / ours"][0]["seconds"] == 1.0


def test_a_message_names_its_first_argument():
    body = b64encode(json.dumps([["abc.0"], {}, {}]).encode()).decode()
    assert _argument(json.dumps({"body": body}).encode()) == "abc.0"


def test_drift_is_from_one_fire_to_the_next():
    arrivals = [("a", 0.0), ("b", 3.0), ("a", 10.5), ("b", 13.0), ("a", 20.5)]
    assert drifts(arrivals) == pytest.approx([0.5, 0.0, 0.0])


def test_redbeat_has_our_version_and_our_celery():
    versions = Findings(1, 1).facts["versions"]
    assert set(PACKAGES) <= set(pinned("redbeat"))
    assert pinned("redbeat")["celery"] == versions["celery"]
    assert (
        f"celery-redbeat=={pinned('redbeat')['celery-redbeat']}"
        in (environments.REPOSITORY / "requirements.txt").read_text()
    )


def test_our_beat_is_the_procfiles_line(tmp_path):
    ours = OurBeat()
    ours.prepare(tmp_path)
    procfile = (environments.REPOSITORY / "Procfile").read_text()
    assert f"beat: {ours.worker(1)[-1].removeprefix('exec ')}\n" in procfile
