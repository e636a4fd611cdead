"""How fast pages are, and how large: ``python -m benchmarks.pages --url http://127.0.0.1:8000 --token ...``.

Pages are those that are named, else those that the first page links to within its site. One connection is kept and
each page asked for again and again. Where an answer says what the application took (``Server-Timing: app;dur=12.3``)
that counts, else what it took here.
"""

import argparse
import http.client
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

TOLD = re.compile(r"(?:^|,)\s*app\s*;[^,]*\bdur=([0-9.]+)")
PATIENCE = 30  # seconds for one answer
SKIPPED = ("/static/", "/api/", "/hooks/", "/dashboard/logout")
MOST = 60  # pages that are found by themselves


class Limits(NamedTuple):
    """What a page may take in 19 of 20 cases, and how large its HTML may be."""

    ms: float
    kilobytes: float


@dataclass
class Timed:
    """What one page took, in ms each time, and the bytes of its HTML."""

    path: str
    status: int = 0
    bytes: int = 0
    told: bool = False  # whether the server said what it took
    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return round(median(self.times), 1)

    @property
    def p95(self) -> float:
        return round(quantiles(self.times, n=20, method="inclusive")[-1], 1) if len(self.times) > 1 else self.median

    def faults(self, limits: Limits) -> list[str]:
        """Return what is wrong with it."""
        found = [f"status {self.status}"] if self.status != 200 else []
        found += [f"p95 over {limits.ms:g} ms"] if self.p95 > limits.ms else []
        return found + ([f"over {limits.kilobytes:g} KB"] if self.bytes > limits.kilobytes * 1024 else [])


class Links(HTMLParser):
    """The paths that a page links to, in their order; *only* those within ``nav``, where it has one."""

    def __init__(self, html: str, base: str) -> None:
        super().__init__()
        self._base, self._depth = base, 0
        self._nav: dict[str, None] = {}
        self._all: dict[str, None] = {}
        self.feed(html)
        self.paths = list(self._nav or self._all)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth += tag == "nav"
        target = dict(attrs).get("href") if tag == "a" else None
        parts = urlsplit(urljoin(self._base, target)) if target else None
        if parts and parts.netloc == urlsplit(self._base).netloc and not parts.path.startswith(SKIPPED):
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            self._all[path] = None
            if self._depth:
                self._nav[path] = None

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "nav"


class Visitor:
    """Asks for pages over one connection."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        self._head = {"Accept": "text/html"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def ask(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        self._line.request("GET", path, headers=self._head)
        answer = self._line.getresponse()
        return answer, answer.read()

    def links(self, path: str) -> list[str]:
        _, body = self.ask(path)
        return Links(body.decode(errors="replace"), self.url + path).paths

    def time(self, path: str, times: int) -> Timed:
        """Ask for a page once to warm it up, then *times* times."""
        found = Timed(path)
        for turn in range(times + 1):
            begun = time.perf_counter()
            answer, body = self.ask(path)
            took = (time.perf_counter() - begun) * 1000
            told = TOLD.search(answer.headers.get("Server-Timing", ""))
            if turn:
                found.times.append(float(told[1]) if told else took)
                found.status, found.bytes, found.told = answer.status, max(found.bytes, len(body)), bool(told)
        return found


def discovered(visitor: Visitor) -> list[str]:
    """Return the first page, what its nav leads to, and one page of each further kind that those lead to."""
    found = dict.fromkeys(["/", *visitor.links("/")])
    kinds = {_kind(path) for path in found}
    for path in list(found):
        for further in visitor.links(path):
            if _kind(further) not in kinds and "?" not in further:
                kinds.add(_kind(further))
                found[further] = None
    return [path for path in found if "#" not in path][:MOST]


def _kind(path: str) -> str:
    """Return the list that a page belongs to: all pages of single runs are alike."""
    parts = path.partition("?")[0].rstrip("/").split("/")
    return "/".join(parts[:3]) + ("/…" if len(parts) > 3 else "")


def table(timed: Sequence[Timed], limits: Limits) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{'median ms':>9} {'p95 ms':>8} {'KB':>7}  page"
    for one in timed:
        faults = ", ".join(one.faults(limits))
        told = f"  <- {faults}" if faults else ""
        yield f"{one.median:9.1f} {one.p95:8.1f} {one.bytes / 1024:7.1f}  {one.path}{told}"
    clock = "by the server" if timed and all(one.told for one in timed) else "on the wire"
    yield f"{len(timed[0].times) if timed else 0} timings of each, {clock}"


def main(arguments: list[str] | None = None) -> int:
    """Time the pages; returns 1 where one is too slow, too large or no page."""
    given = _options().parse_args(arguments)
    visitor = Visitor(given.url, given.token)
    try:
        timed = [visitor.time(path, given.times) for path in given.pages or discovered(visitor)]
    except (OSError, http.client.HTTPException) as error:
        print(f"{given.url} does not answer: {error}", file=sys.stderr)
        return 69
    limits = Limits(given.max_ms, given.max_kb)
    rows = [asdict(one) | {"median": one.median, "p95": one.p95, "faults": one.faults(limits)} for one in timed]
    print(json.dumps(rows) if given.json else "\n".join(table(timed, limits)))
    return int(any(row["faults"] for row in rows))


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.pages", description="How fast and how large pages are."
    )
    options.add_argument("pages", nargs="*", help="paths; by default what the first page leads to")
    options.add_argument("--url", default="http://127.0.0.1:8000")
    options.add_argument("--token", default="", help="sent as a bearer")
    options.add_argument("--times", type=int, default=50)
    options.add_argument("--max-ms", type=float, default=100.0, help="that the 95th percentile may take")
    options.add_argument("--max-kb", type=float, default=150.0, help="that a page may have")
    options.add_argument("--json", action="store_true")
    return options


if __name__ == "__main__":
    sys.exit(main())
