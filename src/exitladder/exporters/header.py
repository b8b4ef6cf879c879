"""The header of every generated file, and text of the user made harmless inside one."""

from __future__ import annotations

from exitladder import __version__
from exitladder.exporters.targets import Target
from exitladder.plans.file import ladder_fingerprint
from exitladder.plans.ladder import Ladder
from exitladder.plans.words import in_words

_WIDTH = 116


def plain(text: str) -> str:
    r"""Return a text in printable ASCII on one line, so that it cannot leave a comment or a string.

    Quotes, backslashes, signs of comments and templates, and everything outside ASCII become their code point.

    Examples
    --------
    >>> print(plain('a"b\n*/ c'))
    a(U+0022)b(U+000A)*(U+002F) c
    """
    return "".join(char if _is_harmless(char) else f"(U+{ord(char):04X})" for char in text)


def _is_harmless(char: str) -> bool:
    return " " <= char <= "~" and char not in "\\\"'`/{}$"


def header_lines(ladder: Ladder, target: Target, hooks: list[str]) -> list[str]:
    """Return the lines of a header, without comment signs.

    Parameters
    ----------
    ladder : Ladder
    target : Target
    hooks : list of str
        Names of the functions that the user has to fill in.

    Returns
    -------
    list of str
        Printable ASCII.
    """
    lines = [
        f"Ladder {plain(ladder.name)} for {target.title}.",
        f"Made by exitladder {__version__} from ladder {ladder_fingerprint(ladder)}.",
        "Do not edit the ladder here: change the ladder file and export it again.",
        "",
        *_wrapped(plain(in_words(ladder))),
        "",
        "Where fills differ from exitladder's:",
    ]
    for text in target.differs_for(ladder):
        lines += _wrapped(f"- {text}")
    policy = ladder.execution.intrabar
    if policy != "stop_first":
        lines.append(f"- The ladder was simulated with intrabar = {policy}, which only exitladder has.")
    if hooks:
        lines += ["", "Fill in before use (each raises an error until then): " + ", ".join(hooks) + "."]
    return [plain_line(line) for line in lines]


def plain_line(line: str) -> str:
    """Return a line of our own text in ASCII."""
    return line.encode("ascii", "backslashreplace").decode()


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_long_words=False) or [""]
