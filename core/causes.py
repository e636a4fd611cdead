"""Why a run exists: an event, a fire or a call, and its sealed form in the ledger."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

from core import compact
from core.clock import rfc3339
from core.compact import quoted
from core.errors import CoreError, InvalidEvent

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
TWO, FOUR = len(PAIRS), len(PAIRS) ** 2  # how many numbers of two and four digits there are
RUNS = "/runs"
SCHEDULES = "/schedules"
CALLS = "/enqueue"
HEAD = 4096  # bytes of a record that hold its first two lines, whatever follows


_rfc3339 = lru_cache(maxsize=256)(rfc3339)  # many schedules fire at the same times


class Tampered(CoreError):
    """The record's MAC is wrong: it was not written by this application."""


class UnknownKey(CoreError):
    """The record was sealed with a key this process does not have. Add it to SECRET_KEY_FALLBACKS."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """The envelope of an event, of one fire of a schedule, or of one ``enqueue``.

    ``id`` is the sender's; ``ledger_id`` is ours. ``time`` is RFC 3339 text as the sender gave it. ``data`` is
    any JSON value: the event's data, the call's arguments; a fire has none. ``replay_of`` is the ledger's id of the
    event that a person asked to have replayed. ``parent`` is the run whose handler emitted it.
    """

    kind: Literal["event", "fire", "call"]
    id: str
    type: str
    source: str
    time: str
    subject: str | None = None
    data: Any = None
    extensions: dict[str, Any] = field(default_factory=dict)
    replay_of: str | None = None
    parent: str | None = None

    @cached_property
    def ledger_id(self) -> str:
        return ledger_id(self.source, self.id, self.kind)

    @cached_property
    def content(self) -> bytes:
        """The data as JSON, as they are recorded.

        Raises:
            InvalidEvent: they have no JSON form: NaN, half a surrogate pair, an object of a strange class.
        """
        try:
            return compact.text(self.data).encode()
        except (TypeError, ValueError, RecursionError) as error:
            detail = f"it cannot be written as JSON: {error}"
            raise InvalidEvent(
                f"{self.type} cannot be recorded; {detail}", [{"pointer": "/data", "detail": detail}]
            ) from error

    @cached_property
    def fingerprint(self) -> str:
        """72 bits over type, subject and data; the time is left out, so a retry with a new one is the same."""
        content = compact.ordered([self.type, self.subject, self.data])
        return _b64(hashlib.sha256(content.encode()).digest()[:9])

    @property
    def schedule(self) -> str | None:
        """The schedule's name, for a fire."""
        return self.type if self.kind == "fire" else None

    @property
    def planned(self) -> datetime | None:
        """The planned time, for a fire."""
        return datetime.fromisoformat(self.time) if self.kind == "fire" else None


def fire(schedule: str, planned: datetime, data: Any = None, mark: str = "") -> Cause:
    """Return the cause of *schedule* firing at *planned*; its id is ``name@planned-time``, with *mark* behind it.

    *data* are the arguments of its task, where it takes any.
    """
    at = _rfc3339(planned)
    return Cause(kind="fire", id=f"{schedule}@{at}{mark}", type=schedule, source=SCHEDULES, time=at, data=data)


def ledger_id(source: str, id: str, kind: str = "event") -> str:  # noqa: A002 - CloudEvents' word
    """Return the ledger's id for a sender's ``source`` and ``id``: 96 bits of SHA-256, 17 letters and digits.

    No event can take the id of a fire or a call: theirs are made from a byte that no text has.
    """
    name = f"{source}\0{id}".encode(errors="surrogatepass")
    number = int.from_bytes(hashlib.sha256(name if kind == "event" else b"\xff" + name).digest()[:12])
    high, low = divmod(number, FOUR * FOUR)  # most of the arithmetic is on small numbers then
    (high, b), (c, d) = divmod(high, FOUR), divmod(low, FOUR)
    first, a = divmod(high, FOUR)
    left = f"{ALPHABET[first]}{PAIRS[a // TWO]}{PAIRS[a % TWO]}{PAIRS[b // TWO]}{PAIRS[b % TWO]}"
    return f"{left}{PAIRS[c // TWO]}{PAIRS[c % TWO]}{PAIRS[d // TWO]}{PAIRS[d % TWO]}"


@dataclass(frozen=True)
class Keyring:
    """The signing keys: the first seals, all of them open."""

    secrets: tuple[str, ...]

    def seal(self, cause: Cause, *, runs: int, nonce: str) -> bytes:
        """Return *cause* as the ledger keeps it: a MAC line, a header line, the data.

        *runs* is the number of runs accepted with it. *nonce* tells this call from an equal one, so that a
        repeated write is known as a repetition and not taken for a duplicate.

        Raises:
            InvalidEvent: it is no JSON, or its envelope is too long.
        """
        data = cause.content
        try:
            head = _head(cause, runs, nonce).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidEvent(f"{cause.type} cannot be recorded: it is not JSON ({error}).") from error
        body = head + b"\n" + data
        line = f"1 {self.mac(body)}\n".encode()
        if len(line) + len(head) >= HEAD - 1:
            raise InvalidEvent(
                f"{cause.type} cannot be recorded: its envelope (id, source, subject, extensions) has {len(head)} "
                f"bytes, the limit is {HEAD - 2 - len(line)}. Put long values into the data."
            )
        return line + body

    def mac(self, content: bytes) -> str:
        """Return the key id and MAC of *content*, under the current key."""
        kid, key = _derived(self.secrets[0])
        return f"{kid} {_mac(key, content)}"

    def fits(self, content: bytes, mac: str) -> bool:
        """Tell whether one of our keys made *mac* for *content*."""
        kid, _, digest = mac.partition(" ")
        key = self._by_id.get(kid)
        return key is not None and hmac.compare_digest(_mac(key, content).encode(), digest.encode())

    @cached_property
    def _by_id(self) -> dict[str, bytes]:
        return dict(map(_derived, self.secrets))

    def sealed_with(self, record: bytes) -> int | None:
        """Return which of our keys, counted from the current one, *record* names; None for none of ours.

        The beginning of a record is enough.
        """
        [_, kid, *_] = [*record.partition(b"\n")[0].decode(errors="replace").split(" "), ""]
        return list(self._by_id).index(kid) if kid in self._by_id else None

    def open(self, record: bytes) -> Cause:
        """Return the cause that *record* holds.

        Raises:
            UnknownKey: none of our keys sealed it.
            Tampered: the MAC does not fit the content.
        """
        line, _, body = record.partition(b"\n")
        _, _, mac = line.decode(errors="replace").partition(" ")
        kid, space, _ = mac.partition(" ")
        if not space:
            raise Tampered
        if kid not in self._by_id:
            raise UnknownKey
        if not self.fits(body, mac):
            raise Tampered
        return unsealed(record)


def _head(cause: Cause, runs: int, nonce: str) -> str:
    """Return the header of *cause*; json.dumps would take five times as long."""
    what = f'"kind":"{cause.kind}","id":{quoted(cause.id)},"type":{quoted(cause.type)},"source":{quoted(cause.source)}'
    call = f'"time":{quoted(cause.time)},"runs":{runs},"nonce":{quoted(nonce)},"print":"{cause.fingerprint}"'
    more = {"subject": cause.subject, "ext": cause.extensions or None, "of": cause.replay_of or None}
    more |= {"by": cause.parent or None}
    given = [f',"{name}":{compact.text(value)}' for name, value in more.items() if value is not None]
    return f"{{{what},{call}{''.join(given)}}}"


def unsealed(record: bytes) -> Cause:
    """Return the cause without looking at its MAC: for showing it, never for running it.

    *record* may be cut off in the data, which is None then.
    """
    head = header(record)
    _, _, data = record.split(b"\n", 2)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    return Cause(
        kind=head["kind"],
        id=head["id"],
        type=head["type"],
        source=head["source"],
        time=head["time"],
        subject=head.get("subject"),
        data=value,
        extensions=head.get("ext", {}),
        replay_of=head.get("of"),
        parent=head.get("by"),
    )


def header(record: bytes) -> dict[str, Any]:
    """Return the header of a record, of which the beginning is enough."""
    found: dict[str, Any] = json.loads(record.split(b"\n", 2)[1])
    return found


@lru_cache(maxsize=16)
def _derived(secret: str) -> tuple[str, bytes]:
    key = hmac.new(secret.encode(), b"carillon ledger record 1", hashlib.sha256).digest()
    return hashlib.sha256(key).hexdigest()[:8], key


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")  # hmac.digest() would let all other threads go first


def _mac(key: bytes, body: bytes) -> str:
    made = _keyed(key).copy()
    made.update(body)
    return _b64(made.digest()[:18])


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()
