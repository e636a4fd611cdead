"""Accepting runs for planned times that somebody asks for, and correcting what the history says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.causes import Keyring
from core.ledger.firing import Fire
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.packing import Packing, Wanted


@dataclass(frozen=True)
class Refill:
    """What is accepted for one time, and the row that says so."""

    accepted: Wanted
    row: Fire


def refill(
    keys: Keys,
    keyring: Keyring,
    schedule: str,
    refills: Sequence[Refill],
    old: Sequence[Fire] = (),
    new: Sequence[Fire] = (),
) -> Flow[list[bool] | None]:
    """Accept *refills* and put their rows, and *new* ones, in the place of *old* ones; one step.

    Returns for each of *refills* whether it was not recorded before; None, and does nothing, where one of the *old*
    rows is gone.
    """
    packed = Packing(keys, keyring)
    for one in refills:
        packed.add(one.accepted)
    own: list[str | bytes | int] = [packed.place(keys.fires(schedule)), len(old), len(refills) + len(new)]
    own += [row.row() for row in old]
    for number, row in [*((n, one.row) for n, one in enumerate(refills, 1)), *((0, row) for row in new)]:
        own += [row.ms, row.row(), number]
    [answer] = yield [packed.script_with("refill", own)]
    verdict, *accepted = answer
    return [one == b"OK" for one in accepted[::2]] if verdict == b"OK" else None
