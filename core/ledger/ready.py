"""A call of ``fire.lua`` that is made before its moment: all but how late it comes."""

from dataclasses import dataclass

from core.ledger.flow import Flow, Script, beginning, source
from core.ledger.words import words

LATE = "\0late"  # stands for it in a row: JSON has no such byte, and "0.002" has as many
LATEST = 9.999  # seconds


@dataclass(frozen=True)
class Ready(Script):
    """The call whose words are *count*, those that begin it, *rest*; it comes *late* seconds after its moment."""

    count: bytes
    rest: bytes
    late: float = 0.0

    def at(self, late: float) -> "Ready":
        """Return the call as it is sent *late* seconds after its moment, from 0 to LATEST."""
        return Ready(self.name, (), (), self.count, self.rest, late)

    def command(self, *, whole: bool = False) -> bytes:
        """Return the command as the server reads it."""
        rest = self.rest.replace(LATE.encode(), b"%.3f" % self.late)
        return b"".join((self.count, words(beginning(self.name, whole=whole)).encode(), rest))


def ready(script: Script) -> Ready:
    """Return a call of *script* whose rows have LATE in them."""
    command = script.command()
    assert isinstance(command, bytes)  # as ``Packing`` makes it
    begun = len(words(beginning(script.name)))
    count, _, _ = command.partition(b"\r\n")
    return Ready(script.name, (), (), count + b"\r\n", command[len(count) + 2 + begun :])


def known(name: str) -> Flow[None]:
    """Let the server know the script, so that a call of it need not be sent twice when its moment comes."""
    yield [("SCRIPT", "LOAD", source(name)[0])]
