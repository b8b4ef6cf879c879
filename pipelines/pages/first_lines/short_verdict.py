"""A verdict in short: what a screen and the top of a page show; its details follow on demand."""

from __future__ import annotations

# sentences of a verdict from here on are details
_DETAILS = (" Risk, ", " It was tuned ", " The gain takes ")
BEFORE_COSTS_START = "All results are before costs"


def first_sentence(text: str) -> tuple[str, str]:
    """Return the first sentence of a text, and the rest.

    Examples
    --------
    >>> first_sentence("No difference: 0.1 R (CI [-0.2, 0.3]). The interval contains zero.")
    ('No difference: 0.1 R (CI [-0.2, 0.3]).', 'The interval contains zero.')
    """
    head, dot, rest = text.partition(". ")
    return head + dot.strip(), rest


def split_verdict(text: str) -> tuple[str, str]:
    """Return a verdict without its details, and the details; that results are before costs is none.

    Examples
    --------
    >>> split_verdict("No difference. The gain takes time: 9 bars. All results are before costs: none are set.")
    ('No difference. All results are before costs: none are set.', 'The gain takes time: 9 bars.')
    """
    cut = min((at for mark in _DETAILS if (at := text.find(mark)) >= 0), default=len(text))
    short, rest = text[:cut], text[cut:].strip()
    start = rest.find(BEFORE_COSTS_START)
    if start < 0:
        return short, rest
    end = next((at for at in range(start, len(rest)) if rest[at] == "." and rest[at + 1 : at + 2] in ("", " ")), start)
    return f"{short} {rest[start : end + 1]}", f"{rest[:start].strip()} {rest[end + 1 :].strip()}".strip()
