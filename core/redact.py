"""Takes secrets out of text that people will read: errors, tracebacks, log lines."""

import re

NAMED = r"(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|secret|token|api[_-]?key))"
SAYS = r"""(["']?\s*[:=]\s*["']?)"""
VALUE = r"""[^\s"',;&)]+"""
RULES = (
    (re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"), "***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(rf"{NAMED}{SAYS}{VALUE}"), r"\1\2***"),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|whsec_|sk_live_|xox[abp]-)[A-Za-z0-9_-]{8,}"), "***"),
)


def redacted(text: str, limit: int = 4096) -> str:
    """Return *text* without what looks like a secret, cut in the middle to *limit* characters."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    if len(text) > limit:
        half = limit // 2 - 3
        text = f"{text[:half]}\n...\n{text[-half:]}"
    return text
