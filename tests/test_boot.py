"""What is refused at boot: by dotted name, all problems at once."""

import inspect
import re

import pytest

from core import CoreError
from core.errors import DeclarationError
from core.loader import load


def refused(package, source: str = "", **modules: str) -> str:
    """Return what boot says, with the package's name left out."""
    if source:
        modules["subject"] = "from core import *\n" + inspect.cleandoc(source)
    name = package(**modules)
    with pytest.raises(DeclarationError) as caught:
        load((name,))
    return str(caught.value).replace(f"{name}.", "")


REFUSED = {
    "unknown option": ("@on('x', retires=3)\ndef f(e): ...", "f: @on has no option 'retires'. Did you mean retries?"),
    "option of schedules": ("@task(overlap='skip')\ndef f(): ...", "f: @task has no option 'overlap'. Known: queue"),
    "no argument": ("@on('x')\ndef f(): ...", "f: a handler takes one argument, the event; this one is f()."),
    "two arguments": ("@on('x')\ndef f(e, g): ...", "this one is f(e, g)."),
    "keyword only": ("@on('x')\ndef f(*, e): ...", "this one is f(*, e)."),
    "job with arguments": (
        "@every(minutes=1)\ndef f(a, *, b): ...",
        "f: a job takes no arguments, this one wants a, b.",
    ),
    "annotation": (
        "class A(Event, type='a'): ...\nclass B(Event, type='b'): ...\n@on(A)\ndef f(e: B): ...",
        "f: it subscribes to A but takes B.",
    ),
    "pattern, typed": ("class A(Event, type='a'): ...\n@on('a.*')\ndef f(e: A): ...", "subscribes to a.* but takes A."),
    "no event": ("@on()\ndef f(e): ...", "f: @on() names no event."),
    "base class": ("class A(Event): ...\n@on(A)\ndef f(e): ...", "f: A has no type."),
    "no class": ("@on(5)\ndef f(e): ...", "f: @on takes event classes and patterns, not 5."),
    "pattern": ("@on('a b.*')\ndef f(e): ...", "f: 'a b.*' is neither an event type nor a pattern"),
    "bare on": ("@on\ndef f(e): ...", "f: @on stands alone; write @on(OrderPlaced)"),
    "bare cron": ("@cron\ndef f(): ...", "f: @cron stands alone"),
    "bare task": ("@task\ndef f(): ...", "(subject.py, line 2)"),
    "generator": ("@on('x')\ndef f(e): yield", "f: it is a generator"),
    "async generator": ("@on('x')\nasync def f(e): yield", "f: it is a generator"),
    "class": ("@on('x')\nclass f: ...", "f: @on marks functions, not type objects."),
    "partial": ("from functools import partial\nf = on('x')(partial(print, 1))", "@on marks functools.partial("),
    "no wraps": (
        "import asyncio\nf = on('x')((lambda: lambda e: e)())\nf.__module__ = 'elsewhere'",
        "which does not bear its function's name. Use functools.wraps",
    ),
    "cron": ("@cron('0 0 31 2 *')\ndef f(): ...", "f: Cron '0 0 31 2 *' never fires"),
    "cron field": ("@cron('0 0 32 * *')\ndef f(): ...", "f: Found '32' as day-of-month"),
    "zone": ("@cron('0 0 * * *', timezone='Europe/Berln')\ndef f(): ...", "f: Found the timezone 'Europe/Berln'"),
    "interval": ("@every(seconds=0.9)\ndef f(): ...", "f: Found every 0.9; wanted seconds from 1"),
    "no interval": ("@every()\ndef f(): ...", "f: Found every 0.0"),
    "moment": ("@at('yesterday')\ndef f(): ...", "f: Invalid isoformat string: 'yesterday'"),
    "ends first": ("@every(days=1, starts_at=LATE, ends_at=EARLY)\ndef f(): ...", "f: ends_at lies before starts_at"),
    "naive": ("@every(days=1, starts_at=NAIVE)\ndef f(): ...", "f: starts_at="),
    "overlap": (
        "@every(days=1, overlap='wait')\ndef f(): ...",
        "f: overlap='wait'; it must be one of allow, skip, queue_one.",
    ),
    "catch_up": ("@every(days=1, catch_up=True)\ndef f(): ...", "f: catch_up=True; it must be"),
    "jitter": ("@every(days=1, jitter=-1)\ndef f(): ...", "f: jitter=-1; it must be"),
    "retries": ("@task(retries=-1)\ndef f(): ...", "f: retries=-1; it must be a whole number from 0 to 100."),
    "retries, bool": ("@task(retries=True)\ndef f(): ...", "f: retries=True; it must be"),
    "timeout": ("@task(timeout=0)\ndef f(): ...", "f: timeout=0; it must be a number of seconds above 0, or None."),
    "priority": ("@task(priority=5.0)\ndef f(): ...", "f: priority=5.0; it must be a whole number from 0 to 9"),
    "backoff": ("@task(backoff=None)\ndef f(): ...", "f: backoff=None; it must be seconds"),
    "backoffs": ("@task(backoff=[1, 'x'])\ndef f(): ...", "f: backoff=[1, 'x']; it must be seconds"),
    "queue": ("@task(queue='a b')\ndef f(): ...", "f: queue='a b' is no queue name."),
    "name": ("@task(name='a b')\ndef f(): ...", "f: name='a b' is no name."),
    "aliases": ("@task(aliases='abc')\ndef f(): ...", "f: aliases='abc'; it must be a list of names"),
    "alias is a name": (
        "@task(name='a')\ndef f(): ...\n@task(name='b', aliases=['a'])\ndef g(): ...",
        "b: its alias 'a'",
    ),
    "alias twice": (
        "@task(name='a', aliases=['o'])\ndef f(): ...\n@task(name='b', aliases=['o'])\ndef g(): ...",
        "b: its alias 'o' is a name or alias of another task",
    ),
    "name twice": ("@task(name='a')\ndef f(): ...\n@task(name='a')\ndef g(): ...", "a: declared 2 times ("),
    "type twice": (
        "class A(Event, type='a'): ...\nclass B(Event, type='a'): ...",
        "event type 'a': declared by subject.A, subject.B.",
    ),
    "blueprints": (
        "from flask import Blueprint\na = Blueprint('a', 'a')\nb = Blueprint('a', 'b')",
        "blueprint 'a': 2 of them bear this name.",
    ),
    "argument of enqueue": ("@task()\ndef f(delay: int): ...", "f: an argument cannot be called delay"),
    "positional": ("@task()\ndef f(a, /): ...", "f: enqueue() passes arguments by name; a cannot be passed so."),
    "argument's type": ("@task()\ndef f(a: 'Missing'): ...", "f: its arguments cannot be understood: NameError"),
    "exit": ("import sys\nsys.exit('no')", "subject: SystemExit: no (subject.py, line 3)"),
    "import": ("import nothing_of_this_name", "subject: No module named 'nothing_of_this_name' (subject.py, line 2)."),
    "exception": ("x = 1\n1 / 0", "subject: ZeroDivisionError: division by zero (subject.py, line 3)."),
    "syntax": ("def f(:", "subject: SyntaxError: invalid syntax (subject.py, line 2)."),
    "event": ("class A(Event, type='a b'): ...", "subject.A: type='a b' is no event type."),
}
MOMENTS = """from datetime import datetime, UTC
NAIVE = datetime(2026, 1, 1)
EARLY, LATE = NAIVE.replace(tzinfo=UTC), datetime.now(UTC)
"""


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_boot(package, case):
    source, words = REFUSED[case]
    said = refused(package, (MOMENTS if "NAIVE" in source or "LATE" in source else "") + source)
    assert words in said
    assert said.count("\n  - ") == (2 if case == "alias twice" else 1), said


def test_all_problems_at_once(package, tmp_path):
    name = package(
        one="from core import *\n@on('x', retires=1, queue='a b')\ndef f(): ...\n@every()\ndef g(): ...",
        two="def (",
        three="import nothing_of_this_name",
        four="from core import *\n@task(retries=-1)\ndef h(): ...",
    )
    (tmp_path / name / "lost").mkdir()
    (tmp_path / name / "lost" / "one.py").write_text("")
    with pytest.raises(DeclarationError) as caught:
        load((name, "nothing_of_this_name_either"))
    heads = [re.match(r"[\w.]+", problem)[0].removeprefix(f"{name}.") for problem in caught.value.problems]
    assert sorted(heads) == sorted(
        ["one.f", "one.f", "one.f", "one.g", "two", "three", "four.h", "lost", "nothing_of_this_name_either"]
    )
    assert isinstance(caught.value, CoreError)
