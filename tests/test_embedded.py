"""The embedded server: private, durable, and never two on the same data."""

import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
import redis
from waiting import wait_until

from core import embedded
from core.errors import CoreError, LedgerUnavailable

MEMORY = 64 << 20


@pytest.fixture
def data(tmp_path):
    return tmp_path / ".data"


def client(url):
    return redis.Redis.from_url(url, decode_responses=True)


@pytest.fixture
def short() -> Iterator[str]:
    """A folder whose path is short enough for a socket in it, wherever pytest keeps its own."""
    with tempfile.TemporaryDirectory(prefix="c-") as folder:
        yield folder


def test_it_listens_on_a_private_socket_and_on_no_port(data):
    with embedded.running(data, MEMORY) as url, client(url) as server:
        config = server.config_get("*")
        assert url == f"unix://{data}/valkey.sock?db=0"
        assert stat.S_IMODE((data / "valkey.sock").stat().st_mode) == 0o700
        assert config["port"] == "0"
        assert config["maxmemory"] == str(MEMORY)
        assert config["maxmemory-policy"] == "noeviction"
        assert (config["appendonly"], config["appendfsync"], config["save"]) == ("yes", "everysec", "")
    assert not embedded.answers(url)
    assert not (data / "valkey.sock").exists()


def test_what_it_was_told_is_there_after_a_stop(data):
    with embedded.running(data, MEMORY) as url, client(url) as server:
        server.set("bell", "rung")
    with embedded.running(data, MEMORY) as url, client(url) as server:
        assert server.get("bell") == "rung"


def test_what_it_was_told_is_there_after_a_kill_and_the_log_before_is_kept(data):
    with embedded.running(data, MEMORY) as url, client(url) as server:
        server.set("bell", "rung")
        os.kill(server.info("server")["process_id"], signal.SIGKILL)
    with embedded.running(data, MEMORY) as url, client(url) as server:
        assert server.get("bell") == "rung"
        assert "Ready to accept" in (data / "valkey" / "valkey.log.1").read_text()


def start_and_leave(data):
    embedded.prepare(data)
    process = subprocess.Popen(embedded.command(data, MEMORY), start_new_session=True)
    embedded.ready(embedded.url(data))
    return process


@pytest.mark.parametrize("noted", [True, False], ids=["by its pid file", "by its socket"])
def test_a_leftover_is_stopped_first(data, noted):
    left = start_and_leave(data)
    if not noted:
        (data / "valkey" / "valkey.pid").unlink()
    with client(embedded.url(data)) as server:
        server.set("bell", "rung")
    with embedded.running(data, MEMORY) as url, client(url) as server:
        assert left.wait(1) == 0
        assert server.get("bell") == "rung"
        assert server.info("server")["process_id"] != left.pid


def test_a_leftover_that_hangs_is_killed(data, monkeypatch):
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.3)
    left = start_and_leave(data)
    os.kill(left.pid, signal.SIGSTOP)
    assert embedded.stop_leftover(data) == left.pid
    assert left.wait(5) == -signal.SIGKILL


def test_a_pid_that_was_used_again_is_left_alone(data):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (data / "valkey").mkdir(parents=True)
        (data / "valkey" / "valkey.pid").write_text(str(stranger.pid))
        assert embedded.stop_leftover(data) is None
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_long_path_gets_a_private_folder_for_its_socket(tmp_path, short, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", short)
    data = tmp_path / ("a-long-name-" * 9) / ".data"
    with embedded.running(data, MEMORY) as url:
        folder = embedded.socket_path(data).parent
        assert embedded.answers(url)
        assert str(folder.parent) == short
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    with pytest.raises(CoreError, match="only you can open"):
        embedded.prepare(data)


def test_a_server_that_cannot_start_is_not_waited_for(data, monkeypatch):
    embedded.prepare(data)
    (data / "valkey" / "appendonlydir").write_text("no folder")
    with pytest.raises(LedgerUnavailable, match="did not come up"), embedded.running(data, MEMORY):
        pass
    assert "appendonlydir" in embedded.last_words(data)


def test_waiting_for_nobody_ends(data):
    url = f"unix://{data}/nobody.sock?db=0"
    wait_until(lambda: not embedded.answers(url), what="no answer")
    with pytest.raises(LedgerUnavailable):
        embedded.ready(url, timeout=0.1)


def test_a_path_that_a_url_cannot_spell_keeps_data_alone(tmp_path, short, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", short)
    with embedded.running(tmp_path / "my 100% data", MEMORY) as url:
        assert embedded.answers(url)
        assert "data" not in url
    assert (tmp_path / "my 100% data" / "valkey" / "appendonlydir").is_dir()
