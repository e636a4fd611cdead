"""A small HTTP load: keep-alive connections that send the same request again as soon as it is answered.

One thread and one selector: it must cost little, for it shares the machine with what it measures.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
MOST = 1_000_000  # answers after which a load ends, whatever its time
SILENCE = 10.0  # seconds without any answer after which the load is given up


@dataclass
class Answers:
    """What came back. ``waits`` are the seconds that each answer took."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    waits: list[float] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many answers were none, or not of the 200s."""
        return self.broken + sum(times for status, times in self.statuses.items() if not 200 <= status < 300)


@dataclass(eq=False)
class Line:
    """One connection: what has come of its present answer, and when that was asked for."""

    road: socket.socket
    sent: float = 0.0
    came: bytes = b""


def request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a POST as bytes."""
    given = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + HEAD_END + body


def status(answer: bytes) -> int:
    """Return the status of an answer that is whole, 0 of one that is not.

    Raises:
        ValueError: it is no answer whose length is known.
    """
    head, found, body = answer.partition(HEAD_END)
    if not found:
        return 0
    at = head.lower().find(LENGTH)
    if at < 0 or not head.startswith(b"HTTP/1.1 "):
        raise ValueError("an answer without a length")
    length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])
    return int(head[9:12]) if len(body) >= length else 0


def load(port: int, asked: bytes, connections: int, seconds: float) -> Answers:
    """Send *asked* to 127.0.0.1 for *seconds*; ends early when nothing is answered or no connection is left."""
    answers, chooser = Answers(), selectors.DefaultSelector()
    lines = [Line(socket.create_connection(("127.0.0.1", port), timeout=5)) for _ in range(connections)]
    begun = heard = time.perf_counter()
    for line in lines:
        line.road.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(line.road, selectors.EVENT_READ, line)
        line.sent = time.perf_counter()
        line.road.sendall(asked)
    try:
        while (now := time.perf_counter()) - begun < seconds and now - heard < SILENCE:
            if not chooser.get_map() or len(answers.waits) >= MOST:
                break
            for key, _ in chooser.select(0.5):
                heard = time.perf_counter()
                if not _hear(key.data, asked, answers):
                    answers.broken += 1
                    chooser.unregister(key.fileobj)
        answers.seconds = time.perf_counter() - begun
    finally:
        chooser.close()
        for line in lines:
            line.road.close()
    answers.broken += now - heard >= SILENCE
    return answers


def _hear(line: Line, asked: bytes, answers: Answers) -> bool:
    """Read what came; when the answer is whole, ask again. Returns False where the connection is of no more use."""
    try:
        came = line.road.recv(65536)
        line.came += came
        found = status(line.came)
        if found:
            now = time.perf_counter()
            answers.statuses[found] += 1
            answers.waits.append(now - line.sent)
            line.came, line.sent = b"", now
            line.road.sendall(asked)
    except (OSError, ValueError):
        return False
    return bool(came)
