"""The RabbitMQ node of the chaos harness: its own, really killed, and back with what it held."""

import amqp
import pytest
from engines import missing
from waiting import wait_until

from benchmarks.chaos import __main__ as command
from benchmarks.chaos.rabbit import Rabbit, messages, rabbitmq_server
from benchmarks.chaos.scenarios import SCENARIOS


@pytest.fixture
def node(tmp_path):
    if not rabbitmq_server():
        missing("rabbitmq-server")
    node = Rabbit(tmp_path)
    node.start()
    yield node
    node.close()


def test_a_killed_node_comes_back_with_what_it_held(node):
    with amqp.Connection(f"127.0.0.1:{node.port}") as connection:
        channel = connection.channel()
        channel.queue_declare("kept", durable=True, auto_delete=False)
        for _ in range(3):
            channel.basic_publish_confirm(amqp.Message("x", delivery_mode=2), "", "kept")
    node.kill()
    assert not node.answers()
    assert messages(node.url, "kept") == -1
    node.start()
    wait_until(lambda: messages(node.url, "kept") == 3, what="its queue is there again")
    assert messages(node.url, "another") == -1


def test_without_rabbitmq_its_scenario_is_a_line_that_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CHAOS_RABBITMQ", str(tmp_path / "none"))
    assert command.main(["--only", "C10", "--adapters", "ours", "--results", str(tmp_path)]) == 0
    assert "left out: there is no rabbitmq-server on this machine" in capsys.readouterr().err


def test_its_scenario_is_what_was_promised():
    """RabbitMQ is down for a minute, 50 events come each second, and the load goes on after its return."""
    scenario = SCENARIOS["C10"]
    down, up = scenario.faults
    assert (down.action, up.action, up.at - down.at, scenario.load.rate) == ("rabbit_down", "rabbit_up", 60, 50)
    assert scenario.load.events > 50 * up.at
    assert scenario.scaled(0.01).load.events > 50 * up.at
