"""The README's code runs: its files make an application, its test passes in it, its curl is answered."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from processes import REPOSITORY, TOKEN, Clone, household

README = (REPOSITORY / "README.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", README, re.DOTALL))


def test_every_block_is_run():
    assert len(re.findall(r"```python\n", README)) == len(FILES) == 5
    targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", README, re.MULTILINE)) <= set(targets)


def test_its_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / link).exists(), link


def test_its_test_passes(tmp_path):
    clone = Clone(tmp_path, "")
    (tmp_path / "tests").mkdir()
    for name, source in FILES.items():
        (tmp_path / name).write_text(source)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env=clone.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.processes
def test_its_curl_is_answered(tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    files = {name.removesuffix(".py").replace("/", "__"): FILES[name] for name in FILES if not name.startswith("tests")}
    [command] = re.findall(r"<!-- run: curl -->\n```sh\n(.*?)```", README, re.DOTALL)
    with household(tmp_path, **files) as house:
        command = command.replace("localhost:8000", f"127.0.0.1:{house.port}")
        done = subprocess.run(["sh", "-c", command], env={"API_TOKEN": TOKEN}, capture_output=True, check=True)
        answer = json.loads(done.stdout)
        assert [run["task"] for run in answer["runs"]] == ["handlers.orders.archive", "handlers.orders.send_receipt"]
        [commands] = re.findall(r"<!-- run: schedules -->\n```sh\n(.*?)```", README, re.DOTALL)
        done = subprocess.run(
            ["sh", "-ec", commands], cwd=tmp_path, env=house.environment, capture_output=True, check=True
        )
        said = done.stdout.decode()
        assert "Added sunday: " in said
        assert "asked" in said


def test_the_docs_name_every_variable():
    docs = (REPOSITORY / "docs/configuration.md").read_text()
    named = set(
        re.findall(r"self\.(?:text|several|size|secret)\(\"([A-Z_]+)\"", (REPOSITORY / "core/config.py").read_text())
    )
    assert named - set(re.findall(r"`([A-Z_]+)`", docs)) == set()
