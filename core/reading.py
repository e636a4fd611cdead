"""Reads variables of the environment by their kind; what cannot be read is noted as a problem, for all to be told."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MEGABYTE = 1024 * 1024
UNITS = {"kb": 1024, "mb": MEGABYTE, "gb": 1024 * MEGABYTE}
SHORTEST_PASSWORD = 12  # characters
LONGEST_NUMBER = 18  # digits; int() refuses many thousands of them in its own way


class Reading:
    """An environment that is read; ``problems`` are sentences about what was found and what was wanted."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def refuse_once(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def text(self, name: str) -> str:
        return self.environ.get(name, "").strip()

    def several(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def size(self, name: str, default: int) -> int:
        """Read a size such as ``512mb``; a bare number is bytes."""
        text = self.text(name).lower()
        if not text:
            return default
        digits, unit = (text[:-2], UNITS[text[-2:]]) if text[-2:] in UNITS else (text, 1)
        if not digits.isdecimal() or len(digits) > LONGEST_NUMBER:
            self.problems.append(f"{name} is {text!r}; it must be a size such as 512mb.")
            return default
        return int(digits) * unit

    def number(self, name: str, default: int, of: str) -> int:
        text = self.text(name) or str(default)
        if not text.isdecimal() or len(text) > LONGEST_NUMBER or int(text) < 1:
            self.problems.append(f"{name} is {text!r}; it must be a number of {of}, 1 or more.")
            return default
        return int(text)

    def password(self, name: str) -> str:
        text = self.text(name)
        if text and len(text) < SHORTEST_PASSWORD:
            self.problems.append(f"{name} has {len(text)} characters; it must have {SHORTEST_PASSWORD} or more.")
        return text

    def zone(self, name: str) -> str:
        text = self.text(name) or "UTC"
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.problems.append(f"{name} is {text[:80]!r}; it must be an IANA time zone such as Europe/Berlin.")
            return "UTC"
        return text
