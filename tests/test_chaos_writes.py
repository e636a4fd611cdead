"""The reader of append-only files: it counts what a real server wrote, in commands of any size."""

from pathlib import Path

import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.chaos import writes as module
from benchmarks.chaos.writes import writes


def command(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def written(tmp_path, *commands):
    path = tmp_path / "file.aof"
    path.write_bytes(b"".join(commands))
    return writes([path])


def test_all_hints_of_a_push_and_all_runs_of_a_row_are_counted(tmp_path):
    found = written(
        tmp_path,
        command("LPUSH", "carillon.default", "{}", "{}", "{}"),
        command("RPUSH", "carillon.mail\x06\x164", '{"body": "*4\r\n$5\r\nLPUSH\r\n"}'),
        command("LPUSH", "other.default", "{}"),
        command("ZADD", "{carillon}:state:succeeded", 1, "a.0", 2, "b.0"),
        command("zadd", "{carillon}:state:dead", 1, "a.0"),
        command("ZADD", "{carillon}:state:pending", 1, "c.0"),
        command("ZREM", "{carillon}:state:dead", "a.0"),
    )
    assert (found.hints, found.ends) == (4, {"a.0": 2, "b.0": 1})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(100, 700))
def test_pieces_of_the_file_hide_nothing_and_double_nothing(tmp_path_factory, sizes, piece):
    before = module.PIECE, module.OVERLAP
    module.PIECE, module.OVERLAP = piece + 2000, 2000
    try:
        rows = [
            command("ZADD", "{carillon}:state:dead", *(w for i in range(n) for w in (i, f"{k}.{i}")))
            for k, n in enumerate(sizes)
        ]
        pushes = [command("LPUSH", "carillon.default", *["{}"] * n) for n in sizes]
        found = written(
            tmp_path_factory.mktemp("aof"), *(part for pair in zip(rows, pushes, strict=True) for part in pair)
        )
    finally:
        module.PIECE, module.OVERLAP = before
    assert found.hints == sum(sizes)
    assert found.ends == {f"{k}.{i}": 1 for k, n in enumerate(sizes) for i in range(n)}


def test_a_file_that_ends_with_a_piece_is_read_to_its_end(tmp_path, monkeypatch):
    push = command("LPUSH", "carillon.default", "{}")
    monkeypatch.setattr(module, "PIECE", 3 * len(push))
    monkeypatch.setattr(module, "OVERLAP", len(push))
    assert [written(tmp_path, *[push] * n).hints for n in range(13)] == list(range(13))


def test_a_servers_own_file_is_read(tmp_path, server_url):
    with redis.Redis.from_url(server_url) as client:
        folder = client.config_get("dir")["dir"]
        client.lpush("carillon.aof-test", *["{}"] * 5)
        client.delete("carillon.aof-test")
        files = list(Path(folder).rglob("*incr*"))
        assert files
        assert writes(files).hints >= 5
