"""Entries that nobody should be able to hurt beat with, written straight into Redis: broken, forged, forbidden."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

PREFIX, TIMETABLE = "redbeat:", "redbeat::schedule"
ALLOWED = "celery.backend_cleanup"  # what REDBEAT_TASKS lets plain entries start here
MINUTE = {"__type__": "interval", "every": 60.0, "relative": False}
TYPES = ("string", "list", "set", "zset", "stream")
SCHEDULES: tuple[Any, ...] = (
    None, 5, "60", [], {}, {"every": 60}, {"__type__": "interval"}, {"__type__": "interval", "every": "often"},
    {"__type__": "interval", "every": float("nan")}, {"__type__": "interval", "every": float("inf")},
    {"__type__": "interval", "every": 1e308}, {"__type__": "os.system"}, {"__type__": "datetime", "year": 99999},
    {"__type__": "crontab", "minute": "61"}, {"__type__": "crontab", "minute": {"x": 1}},
    {"__type__": "rrule", "freq": "x"}, {"__type__": "solar", "event": "dusk"}, {"__type__": ["interval"]},
)  # fmt: skip
METAS = (
    "[]", "{", "5", '{"last_run_at": 5}', '{"last_run_at": {"__type__": "datetime"}}', '{"last_run_at": NaN}',
    '{"last_run_at": {"__type__": "datetime", "year": 0}}', '{"total_run_count": "many"}', '{"total_run_count": NaN}',
    '{"total_run_count": [[]]}',
)  # fmt: skip
MOVINGS = (
    "", "{", "[]", "null", '{"cursor": "x", "count": 0}', '{"cursor": NaN, "count": 0}', '{"cursor": 1e300}',
    '{"cursor": -1e17, "count": 0}', '{"cursor": [], "skips": 5}', '{"skips": [[]]}', '{"count": {}, "cursor": null}',
)  # fmt: skip

Fields = Mapping[str, Any]


def entry(**changes: Any) -> str:
    """Return RedBeat's definition of an entry whose task nobody allows, with *changes*."""
    plain = {"name": "x", "task": "os.system", "args": ["exit 1"], "kwargs": {}, "options": {}, "enabled": True}
    return json.dumps(plain | {"schedule": MINUTE} | changes)


def write(client: redis.Redis, count: int, seed: int, sealed: bytes, victims: Sequence[str]) -> list[str]:
    """Write *count* hostile entries; returns the names of those that can be told.

    *sealed* is a good entry's own field. *victims* are schedules of ours: where they stand is changed to nonsense.
    Ten of them have no name: keys that are no UTF-8, and members of the timetable without an entry.
    """
    dice, names = random.Random(seed), list[str]()
    for n in range(count - len(victims) - 10):
        kind = KINDS[n % len(KINDS)]
        name = f"{kind.__name__.strip('_')}{n}{ODD_NAMES[n % len(ODD_NAMES)]}"
        found = kind(dice, n // len(KINDS), sealed)
        if isinstance(found, str):
            _other_type(client, PREFIX + name, found)
        else:
            client.hset(PREFIX + name, mapping=dict[Any, Any](found))
        names.append(name)
    for n, name in enumerate(victims):
        whole: Any = client.hget(PREFIX + name, "carillon")
        moving = MOVINGS[n % len(MOVINGS)]
        client.hset(PREFIX + name, "carillon", whole.rsplit(b"\n", 1)[0] + b"\n" + moving.encode())
    for n in range(10):
        raw = f"{PREFIX}raw{n}".encode() + b"\xff\xfe\x80"
        if n % 2:
            client.hset(raw, mapping={"definition": entry()})
        odd: dict[Any, float] = {raw: 0, f"{PREFIX}nothing{n}": 0}
        client.zadd(TIMETABLE, odd)
    scores: dict[Any, float] = {
        PREFIX + name: dice.choice((0, -1e300, 1, float("-inf"))) for name in (*names, *victims)
    }
    client.zadd(TIMETABLE, scores)
    return [*names, *victims]


def _broken(dice: random.Random, turn: int, _: bytes) -> Fields:
    """JSON with a byte changed or its end cut off, or none at all."""
    text = bytearray(entry().encode())
    if turn % 2:
        text[dice.randrange(len(text) // 2)] = dice.randrange(128, 256)
    else:
        del text[dice.randrange(len(text) - 1) :]
    return {"definition": bytes(text)}


def _typed(_: random.Random, turn: int, __: bytes) -> Fields:
    """What RedBeat's fields hold is of another type, or missing."""
    values = ("[]", "5", "null", '"x"', "NaN", entry(task=None), entry(task=5), entry(task=["os.system"]), "{}", "true")
    return {"definition": values[turn % len(values)]}


def _timed(_: random.Random, turn: int, __: bytes) -> Fields:
    """The task is allowed; its schedule is none."""
    return {"definition": entry(task=ALLOWED, schedule=SCHEDULES[turn % len(SCHEDULES)])}


def _ran(_: random.Random, turn: int, __: bytes) -> Fields:
    """The task is allowed, and so is its schedule; what is said of its last run is not."""
    return {"definition": entry(task=ALLOWED), "meta": METAS[turn % len(METAS)]}


def _unrecordable(_: random.Random, turn: int, __: bytes) -> Fields:
    """The task is allowed and due, but no record can hold its arguments."""
    values: tuple[Any, ...] = (float("nan"), float("inf"), "\ud800", [[float("-inf")]], {"x": float("nan")})
    return {"definition": entry(task=ALLOWED, args=[values[turn % len(values)]])}


def _forbidden(_: random.Random, turn: int, __: bytes) -> Fields:
    """Tasks that nobody allows, some of which the worker has."""
    tasks = ("os.system", "tick", "forbidden", "carillon.execute", "carillon.send", "celery.chord", "__import__")
    return {"definition": entry(task=tasks[turn % len(tasks)])}


def _large(_: random.Random, turn: int, __: bytes) -> Fields:
    """Deep, or long."""
    return {"definition": "[" * 100_000 if turn % 2 else entry(task="x" * 500_000)}


def _forged(dice: random.Random, turn: int, sealed: bytes) -> Fields:
    """Our own field, changed: another task, another name, a byte, another form."""
    forms = (
        sealed.replace(b'"tick"', b'"forbidden"'),
        b"2 00000000 AAAA\n" + sealed.split(b"\n", 1)[1],
        sealed.replace(b"\n", b""),
        b'{"v":1,"mac":"00000000 AAAA","task":"forbidden","enabled":true,"cursor":0,"created":0}',
        b"\xff\xfe",
        _changed(dice, sealed),
        sealed,  # a good one, copied to where it does not belong
    )
    return {"definition": entry(), "carillon": forms[turn % len(forms)]}


def _typeless(_: random.Random, turn: int, __: bytes) -> str:
    """No hash."""
    return TYPES[turn % len(TYPES)]


def _changed(dice: random.Random, sealed: bytes) -> bytes:
    text = bytearray(sealed)
    text[dice.randrange(sealed.rindex(b"\n"))] ^= 1
    return bytes(text)


def _other_type(client: redis.Redis, key: str, kind: str) -> None:
    if kind == "string":
        client.set(key, entry())
    elif kind == "list":
        client.rpush(key, entry())
    elif kind == "set":
        client.sadd(key, entry())
    elif kind == "zset":
        client.zadd(key, {entry(): 0})
    else:
        client.xadd(key, {"definition": entry()})


KINDS: tuple[Callable[[random.Random, int, bytes], Fields | str], ...] = (
    _broken, _typed, _timed, _ran, _unrecordable, _forbidden, _large, _forged, _typeless,
)  # fmt: skip
ODD_NAMES = ("", " ", "@2026-11-22T12:00:00Z", "\n", ":", "é", "'; DROP", "/../", "x" * 3000, "\0")
