"""Passwords in addresses: found, so that they can be refused, and masked in any text."""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "***"
# Repetitions are bounded, so that a text of any size is searched in a time that grows with its length.
_WORD = r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|credential)[\w.-]{0,100}"
_KEYS = rf"[\w.-]{{0,100}}?{_WORD}"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,40}"
_AUTHORITY = re.compile(rf"(?P<scheme>{_SCHEME})://(?P<authority>[^\s/?#'\"]*@)")
_PAIR = re.compile(
    rf"(?P<key>{_WORD})(?P<is>\s{{0,9}}=\s{{0,9}})(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"<>]+)", re.IGNORECASE
)
_QUERY_PAIR = re.compile(r"(?P<before>[?&;])(?P<key>[^=&;?#\s]+)=(?P<value>[^&;#\s'\"]*)")
# an address whose password holds an unescaped slash, mark or hash
_LOOSE = re.compile(rf"(?P<start>{_SCHEME}://[^\s:/@'\"]{{0,400}}):(?P<password>[^\s'\"]{{0,4000}})@")


def secret_in(text: str) -> str:
    """Return how an address carries a secret, as a phrase for a message; empty if it carries none.

    A user name alone is no secret, except of a web server, where it may be a token.

    Examples
    --------
    >>> secret_in("postgresql://me@host/db")
    ''
    >>> secret_in("postgresql://me:xyz@host/db")
    'a password before the host'
    >>> secret_in("postgresql://host/db?user=me&password=xyz")
    "the key 'password'"
    """
    for match in _AUTHORITY.finditer(text):
        user = unquote(match["authority"].rpartition("@")[0])
        if match["scheme"].lower().startswith("http"):
            return "a user before the host"
        if user.partition(":")[2]:
            return "a password before the host"
    if _LOOSE.search(text):
        return "a password before the host"
    for match in _QUERY_PAIR.finditer(text):
        if re.fullmatch(_KEYS, unquote(match["key"]), re.IGNORECASE) and match["value"]:
            return f"the key '{unquote(match['key'])}'"
    plain = unquote(text)
    pair = _PAIR.search(plain)
    if pair is None:
        return ""
    before = re.search(r"[\w.-]{0,100}$", plain[max(0, pair.start() - 100) : pair.start()])
    return f"the key '{before[0] if before else ''}{pair['key']}'"


def masked(text: str) -> str:
    """Return a text with every password in it replaced by ``***``.

    Examples
    --------
    >>> masked("cannot open postgresql://me:xyz@host/db?sslpassword=abc")
    'cannot open postgresql://me:***@host/db?sslpassword=***'
    """
    if "://" not in text and "=" not in text:
        return text
    text = _LOOSE.sub(rf"\g<start>:{MASK}@", text)
    text = _AUTHORITY.sub(_masked_authority, text)
    text = _QUERY_PAIR.sub(_masked_query, text)
    return _PAIR.sub(lambda m: f"{m['key']}{m['is']}{MASK}", text)


def _masked_authority(match: re.Match[str]) -> str:
    user, colon, _ = unquote(match["authority"].rpartition("@")[0]).partition(":")
    if match["scheme"].lower().startswith("http"):
        return f"{match['scheme']}://{MASK}@"
    return f"{match['scheme']}://{user}{colon}{MASK if colon else ''}@"


def _masked_query(match: re.Match[str]) -> str:
    if not re.fullmatch(_KEYS, unquote(match["key"]), re.IGNORECASE):
        return match.group()
    return f"{match['before']}{match['key']}={MASK}"
