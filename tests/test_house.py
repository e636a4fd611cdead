"""The rules of the house, as tests."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = sorted((ROOT / "core").rglob("*.py"))
PROCESSES = ("release", "web", "worker", "beat")


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_is_small_and_says_what_it_is_for(room):
    text = room.read_text()
    assert len(text.splitlines()) <= 250
    assert ast.get_docstring(ast.parse(text))


def rooms_that_mention(pattern: str) -> set[str]:
    return {str(room.relative_to(ROOT / "core")) for room in ROOMS if re.search(pattern, room.read_text())}


def test_only_config_reads_the_environment():
    handed_on = {"nursery.py", "supervisor/__main__.py"}
    assert rooms_that_mention(r"os\.environ|getenv") == {"config.py"} | handed_on


def test_only_clock_reads_time():
    assert rooms_that_mention(r"datetime\.now|utcnow|time\.(time|monotonic)\(|date\.today") == {"clock.py"}


def test_every_script_marks_its_guards():
    scripts = list((ROOT / "core/ledger/lua").glob("*.lua"))
    guarded = {script.stem for script in scripts if "-- guard: " in script.read_text()}
    assert guarded >= {"acceptance", "claim", "finish", "release", "recover", "fire", "note"}


def test_procfile_and_app_json_agree():
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert tuple(procfile) == PROCESSES
    assert "$PORT" in procfile["web"] or "${PORT" in procfile["web"]
    assert "WEB_CONCURRENCY" in procfile["web"]
    app = json.loads((ROOT / "app.json").read_text())
    assert set(app["formation"]) == set(PROCESSES) - {"release"}
    assert app["env"]["SECRET_KEY"]["generator"] == "secret"


def test_the_lock_covers_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dev = project["optional-dependencies"]["dev"]
    for file, wanted in (("requirements.txt", project["dependencies"]), ("requirements-dev.txt", dev)):
        lock = (ROOT / file).read_text()
        for requirement in wanted:
            name = re.match(r"[A-Za-z0-9-]+", requirement)[0]
            assert re.search(rf"^{name}(\[\w+\])?==", lock, re.MULTILINE | re.IGNORECASE), f"{name} is not in {file}"
        assert "--hash=sha256:" in lock
        assert "http" not in re.sub(r"#.*", "", lock), f"{file} names a host"
