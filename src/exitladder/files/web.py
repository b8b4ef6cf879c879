"""Files read from web addresses: whole, of bounded size and in bounded time, with retries.

Only `exitladder bars fetch` reads from here. Each request runs in a thread of its own, so that no server can hold
the caller longer than the deadline: not by silence, and not by an endless answer either.
"""

from __future__ import annotations

import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING

from exitladder.errors import InputFileError

if TYPE_CHECKING:
    import requests

# seconds without a byte after which a server counts as silent
_TIMEOUT = 30.0
# seconds that one file may take in all, tries and waits included
_DEADLINE = 300.0
# seconds before each further try
_WAITS = (0.5, 1.0, 2.0)
_ABSENT = (404, 410)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_CHUNK = 1 << 16
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
    """Return the content of a web address, or None if the server says that there is none.

    Parameters
    ----------
    address : str
    limit : int
        Bytes that it may have at most.

    Raises
    ------
    InputFileError
        If it cannot be read whole in four tries or before the deadline, or is larger.
    """
    return _asked("GET", address, limit)


def is_at_address(address: str) -> bool:
    """Return whether there is a file at a web address, without reading it.

    Raises
    ------
    InputFileError
        If the server does not say.
    """
    return _asked("HEAD", address, 0) is not None


class _Passing(Exception):  # noqa: N818
    """A failure that another try may not meet."""


def _asked(method: str, address: str, limit: int) -> bytes | None:
    end = time.monotonic() + _DEADLINE
    for wait in (*_WAITS, None):
        try:
            return _before(end, lambda stop: _answer(method, address, limit, stop))
        except _Passing as failure:
            cause = failure
        if wait is None or time.monotonic() + wait >= end:
            break
        time.sleep(wait)
    tries = f" ({len(_WAITS) + 1} tries)" if wait is None else ""
    raise InputFileError(f"'{address}' cannot be read: {cause}{tries}. {_CURE}") from cause.__cause__


def _before(end: float, work: Callable[[threading.Event], bytes | None]) -> bytes | None:
    """Return the result of work done in a thread, or raise at the moment `end`; the thread then ends by itself."""
    results: list[bytes | None] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def run() -> None:
        try:
            results.append(work(stop))
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, name="exitladder-fetch", daemon=True)
    thread.start()
    try:
        thread.join(max(0.0, end - time.monotonic()))
    finally:
        stop.set()
    if failures:
        raise failures[0]
    if not results:
        raise _Passing(f"it was not read whole within {_DEADLINE:g} s")
    return results[0]


def _answer(method: str, address: str, limit: int, stop: threading.Event) -> bytes | None:
    import requests
    import urllib3

    try:
        headers = {"Accept-Encoding": "identity"}
        with requests.request(method, address, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code in _ABSENT:
                return None
            if answer.status_code >= 400:
                reason = f"the server answers {answer.status_code} {answer.reason}".rstrip()
                if answer.status_code in _PASSING:
                    raise _Passing(reason)
                raise InputFileError(f"'{address}' cannot be read: {reason}. {_CURE}")
            return b"" if method == "HEAD" else _body(answer, address, limit, stop)
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.TooManyRedirects) as cause:
        raise InputFileError(
            f"'{address}' cannot be read: the server redirects to an address that is none ({_reason(cause)}). {_CURE}"
        ) from cause
    # http.client lets ValueError through where a header or a chunk is no number
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as cause:
        raise _Passing(_reason(cause)) from cause


def _body(answer: requests.Response, address: str, limit: int, stop: threading.Event) -> bytes:
    described = answer.headers.get("Content-Length")
    length = int(described) if described and described.strip().isdigit() else None
    content = bytearray()
    if length is None or length <= limit:
        # without decoding, and without trusting the length: a cut body is reported below
        answer.raw.enforce_content_length = False
        while len(content) <= limit and (chunk := answer.raw.read1(_CHUNK)):
            content += chunk
            if stop.is_set():
                break
    if max(len(content), length or 0) > limit:
        raise InputFileError(
            f"The file at '{address}' may have {limit} bytes, but has more. It is not the expected file: check the "
            "address, or name another mirror with --base-url."
        )
    if length is not None and len(content) < length:
        raise _Passing(f"it ended after {len(content)} of {length} bytes")
    return bytes(content)


def _reason(error: BaseException) -> str:
    """Return the innermost reason of an error, such as ``Connection refused``."""
    import urllib3

    seen: BaseException = error
    for _ in range(8):
        inner = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    chain: list[BaseException] = [seen]
    while (behind := chain[-1].__cause__ or chain[-1].__context__) is not None and behind not in chain:
        chain.append(behind)
    for link in chain:
        if isinstance(link, OSError) and link.strerror:
            return link.strerror
    if any(isinstance(link, (TimeoutError, urllib3.exceptions.TimeoutError)) for link in chain):
        return "timed out"
    return " ".join(str(seen).split()).rstrip(".") or type(seen).__name__
