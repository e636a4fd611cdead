"""Takes secrets out of text that people will read: errors, tracebacks, log lines."""

import re

LONGEST = 16_384  # characters that are looked at: the rules are quick, and must stay so for any text
NAMED = r"(?i)((?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)(?:[_-](?:access[_-])?key)?"
SAYS = r"""["']?\s*(?:=>|[:=])\s*)"""
VALUE = r"""(?:[bru]?"(?:[^"\\]|\\.)*"|[bru]?'(?:[^'\\]|\\.)*'|["']?[^\s"',;&)}\]]+)"""
RULES = (
    (re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"), "***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(NAMED + SAYS + VALUE), r"\1***"),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|whsec_|sk_live_|xox[abp]-)[A-Za-z0-9_-]{8,}"), "***"),
)


def redacted(text: str, limit: int = 4096) -> str:
    """Return *text* without what looks like a secret, cut in the middle to *limit* characters."""
    text = _cut(text, LONGEST).encode(errors="replace").decode()
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    half = limit // 2 - 3
    return text if len(text) <= limit else f"{text[:half]}\n...\n{text[-half:]}"
