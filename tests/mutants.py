"""Mutants of the ledger's scripts: each takes one guard out of one script, and some test has to notice.

The convention of marks, for every file in core/ledger/lua:

- ``-- guard: name`` stands alone on the line above what it marks. The name is a sentence, unique in its file.
- The line below is complete on that line, and is one of three:
  ``if COND then ...``  mutants put ``false`` and ``true`` in place of COND;
  ``local name = COND``  likewise; COND is a truth value here, which nothing else is read from;
  any other statement  the mutant has it taken out.
- A COND made of ``and`` and ``or``, in parentheses too, has one mutant more for each operand that can be left out.
- Only a file of one statement needs no mark.

``make mutants`` tries every mutant of every script and writes tests/proof/killed.json: which script, by its digest,
had all its mutants killed. ``python tests/mutants.py --changed`` tries the scripts whose digest differs from it, and
is what the tests do. Names of scripts choose those alone.
"""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parent.parent
LUA = ROOT / "core/ledger/lua"
KILLED = ROOT / "tests/proof/killed.json"
MARK = re.compile(r"\s*-- guard: (.+)")
CONDITION = re.compile(r"(?P<head>\s*if )(?P<cond>.+?)(?P<tail> then\b.*)|(?P<local>\s*local \w+ = )(?P<value>.+)")


@dataclass(frozen=True)
class Mutant:
    """A script whose line *number* became *line*."""

    script: str
    guard: str
    number: int
    line: str
    text: str

    def __str__(self) -> str:
        return f"{self.script}.lua:{self.number}  {self.guard}  =>  {self.line.strip() or '(taken out)'}"


def scripts() -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(LUA.glob("*.lua"))}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def guards(text: str) -> dict[str, int]:
    """Return the name of each guard and the number, from 0, of the line it marks."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines()):
        if mark := MARK.fullmatch(line):
            assert mark[1] not in found, f"two guards are called {mark[1]!r}"
            found[mark[1]] = number + 1
    return found


def unmarked(text: str) -> bool:
    """Tell whether a script has more than one statement and no guard."""
    code = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    return len(code) > 1 and not guards(text)


def mutants(script: str, text: str) -> list[Mutant]:
    """Return every mutant of a script."""
    lines = text.splitlines()
    made = []
    for guard, number in guards(text).items():
        for line in dict.fromkeys(_variants(lines[number])):
            mutated = "\n".join([*lines[:number], line, *lines[number + 1 :], ""])
            made.append(Mutant(script, guard, number + 1, line, mutated))
    return made


def _variants(line: str) -> list[str]:
    code = re.sub(r"\s+--.*", "", line)
    assert code.strip(), "a guard marks an empty line"
    found = CONDITION.fullmatch(code)
    if not found:
        return [""]
    head, condition = found["head"] or found["local"], found["cond"] or found["value"]
    return [f"{head}{cond}{found['tail'] or ''}" for cond in ("false", "true", *without_each_operand(condition))]


def without_each_operand(condition: str) -> list[str]:
    """Return the condition once without each operand of its ``and`` and ``or``."""
    for word, neutral in (("or", "false"), ("and", "true")):
        parts = _split(condition, f" {word} ")
        if len(parts) == 1:
            continue
        return [
            f" {word} ".join([*parts[:i], other, *parts[i + 1 :]])
            for i, part in enumerate(parts)
            for other in (neutral, *without_each_operand(part))
        ]
    inner = re.fullmatch(r"(not )?\((.*)\)", condition)
    if inner and len(_split(condition, ")")) <= 2:
        return [f"{inner[1] or ''}({other})" for other in without_each_operand(inner[2])]
    return []


def _split(text: str, word: str) -> list[str]:
    """Split at *word* where it stands outside parentheses and quotes; a closing parenthesis counts as outside."""
    parts, depth, begun, quoted = [], 0, 0, False
    for i, letter in enumerate(text):
        quoted ^= letter == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0 and not quoted and i >= begun and text.startswith(word, i):
            parts.append(text[begun:i])
            begun = i + len(word)
    return [*parts, text[begun:]]


def known() -> dict[str, dict[str, object]]:
    """Return, by script, the digest and the guards of the last trial that killed all mutants."""
    found: dict[str, dict[str, object]] = json.loads(KILLED.read_text()) if KILLED.exists() else {}
    return found


def changed() -> list[str]:
    """Return the scripts that have never been through a trial as they are."""
    before = known()
    return [name for name, text in scripts().items() if before.get(name, {}).get("digest") != digest(text)]


def record(survivors: list[Mutant], tried: list[str]) -> None:
    """Write down which of the scripts that were *tried* had all their mutants killed."""
    found, texts = known(), scripts()
    for name in tried:
        found[name] = {"digest": digest(texts[name]), "guards": list(guards(texts[name]))}
    alive = {mutant.script for mutant in survivors}
    kept = {name: entry for name, entry in sorted(found.items()) if name in texts and name not in alive}
    KILLED.write_text(json.dumps(kept, indent=1) + "\n")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Take each guard out of each script; some test has to notice.")
    parser.add_argument("scripts", nargs="*", help="try these alone")
    parser.add_argument("--changed", action="store_true", help="try what differs from killed.json; do not write it")
    chosen = parser.parse_args()
    texts = scripts()
    if found := [name for name, text in texts.items() if unmarked(text)]:
        say(f"without any guard: {found}")
        return 1
    names = chosen.scripts or (changed() if chosen.changed else list(texts))
    made = [mutant for name in names for mutant in mutants(name, texts[name])]
    if not made:
        return 0
    sys.path.insert(0, str(ROOT))
    from mutants_trial import survivors_of

    survivors = survivors_of(made)
    if not chosen.changed and survivors is not None:
        record(survivors, names)
    return bool(survivors) or survivors is None


if __name__ == "__main__":
    sys.exit(main())
