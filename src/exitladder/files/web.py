"""Files read from web addresses: whole, of bounded size, asked for again where the network stumbles.

Nothing but `exitladder bars fetch` reads from here, and only what it is told to.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request

from exitladder.errors import InputFileError

# seconds without a byte after which a server counts as silent
_TIMEOUT = 30.0
# seconds before each further try
_WAITS = (0.5, 1.0, 2.0)
_ABSENT = (404, 410)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_CHUNK = 1 << 20
_CURE = "Check the network (HTTPS_PROXY names a proxy), or name a mirror with --base-url or EXITLADDER_BASE_URL."


def check_base_url(text: str) -> str:
    """Return a web address that others are made of, without a slash at its end.

    Raises
    ------
    InputFileError
        If it is no http or https address.

    Examples
    --------
    >>> check_base_url("https://example.org/mirror/")
    'https://example.org/mirror'
    >>> check_base_url("file:///etc")
    Traceback (most recent call last):
    exitladder.errors.InputFileError: A web address must begin with https:// or http:// ..., but is 'file:///etc'. ...
    """
    try:
        parts = urllib.parse.urlsplit(text)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web or parts.query or parts.fragment or any(c.isspace() for c in text):
        raise InputFileError(
            f"A web address must begin with https:// or http:// and a host, without ? and #, but is {text!r}. "
            "Write one such as https://data.binance.vision."
        )
    return text.rstrip("/")


def read_address(address: str, limit: int) -> bytes | None:
    """Return what lies at a web address, or None where the server says that nothing does.

    Parameters
    ----------
    address : str
    limit : int
        Bytes that it may have at most.

    Raises
    ------
    InputFileError
        If it cannot be read whole after four tries, or is larger.
    """
    return _asked("GET", address, limit)


def is_at_address(address: str) -> bool:
    """Return whether something lies at a web address, without reading it.

    Raises
    ------
    InputFileError
        If the server does not say.
    """
    return _asked("HEAD", address, 0) is not None


def _asked(method: str, address: str, limit: int) -> bytes | None:
    for wait in (*_WAITS, None):
        cause: BaseException
        try:
            return _answer(method, address, limit)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _ABSENT:
                return None
            cause, is_passing = error, error.code in _PASSING
            reason = f"the server answers {error.code} {error.reason}".rstrip()
        except (http.client.HTTPException, OSError) as error:
            cause, is_passing, reason = error, True, _reason(error)
        if wait is None or not is_passing:
            tries = f" ({len(_WAITS) + 1} tries)" if is_passing else ""
            raise InputFileError(f"'{address}' cannot be read: {reason}{tries}. {_CURE}") from cause
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _answer(method: str, address: str, limit: int) -> bytes:
    request = urllib.request.Request(address, method=method)
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        if method == "HEAD":
            return b""
        described = answer.headers.get("Content-Length")
        length = int(described) if described and described.isdigit() else None
        content = bytearray()
        if length is None or length <= limit:
            while len(content) <= limit and (chunk := answer.read(_CHUNK)):
                content += chunk
        if max(len(content), length or 0) > limit:
            raise InputFileError(
                f"What lies at '{address}' may have {limit} bytes, but has more. It is not the file it should be: "
                "check the address, or name another mirror with --base-url."
            )
        # reading in pieces, http.client does not tell that the last one is missing
        if length is not None and len(content) < length:
            raise ConnectionError(f"it ended after {len(content)} of {length} bytes")
        return bytes(content)


def _reason(error: BaseException) -> str:
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
