"""What goes wrong in the shop: errors that were really raised, each with its own traceback, as runs keep them."""

import json
import socket
from collections.abc import Callable
from functools import cache
from random import Random

from core.errors import Discard
from core.outcomes import error_json

NUMBER = "4711"  # stands for the number of an order until there is one


def _bank() -> None:
    raise ConnectionError(f"bank.example did not answer within 5 s (order {NUMBER})")


def _mail() -> None:
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=0.01)
    except OSError as error:
        raise RuntimeError(f"the receipt of order {NUMBER} could not be sent") from error


def _deep(floors: int = 12) -> None:
    if floors:
        _deep(floors - 1)
    raise RecursionError(f"the bells of order {NUMBER} hang on each other")


def _key() -> None:
    {"eu": 1}[f"zone {NUMBER}"]


def _number() -> None:
    int(f"order {NUMBER}")


def _none() -> None:
    found: object = None
    found.total  # type: ignore[attr-defined]  # noqa: B018 - it is raised on purpose


def _zero() -> None:
    _ = 1 / 0


def _group() -> None:
    raise ExceptionGroup("several parcels", [ValueError(f"parcel {NUMBER} has no weight"), TimeoutError("no scale")])


def _time() -> None:
    raise TimeoutError("it took longer than 30 s")


def _words() -> None:
    raise LookupError("no bell is called 'č♯‴ \u202egnitset' in <b>any</b> catalogue & nobody knows why " + "so " * 60)


def _json() -> None:
    json.loads('{"total": 12,}')


RAISERS: tuple[Callable[[], None], ...] = (
    *(_bank, _bank, _bank, _mail, _mail, _time),  # the usual troubles
    *(_deep, _key, _number, _none, _zero, _group, _words, _json),
)


@cache
def _raised(raiser: Callable[[], None], reason: str) -> str:
    try:
        raiser()
    except Exception as error:  # noqa: BLE001 - that is what it is for
        return error_json(error, reason)
    raise AssertionError(raiser)


def trouble(dice: Random, reason: str = "") -> str:
    """Return an error as JSON text; *reason* says why it is a run's last."""
    return _raised(dice.choice(RAISERS), reason).replace(NUMBER, str(dice.randrange(10**6)))


@cache
def discard() -> str:
    """Return what is kept of a run whose handler had nothing to do."""
    return error_json(Discard("the customer has no address"))
