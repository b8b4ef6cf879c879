"""A headless Chromium over its debugging pipe: real clicks, keys and pictures, and every request that a page makes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page; `requests` are the addresses that it asked for after it was opened."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive, self._rest, self._count = send, receive, b"", 0
        self.session = ""
        self.requests: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._receive, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))

    def open(self, path: Path, width: int = 1280, height: int = 800) -> None:
        """Open a file in a window of a size."""
        self.size(width, height)
        self.call("Page.navigate", url=path.as_uri())
        for _ in range(200):
            if self.js("document.readyState") == "complete" and self.js("location.href") == path.as_uri():
                break
            time.sleep(0.02)
        self.requests.clear()
        # charts are drawn once their library is unpacked
        self.js(
            "new Promise(done => { const look = () => !document.getElementById('plotly') ||"
            "document.documentElement.classList.contains('explorable') ? done() : setTimeout(look, 20); look(); })"
        )

    def size(self, width: int, height: int, mobile: bool = False) -> None:
        """Set the size of the window."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def theme(self, name: str, media: str = "") -> None:
        """Set the colour scheme that the system prefers: light or dark."""
        scheme = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def js(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        for _ in range(250):
            if self.js(expression):
                return
            time.sleep(0.02)
        raise AssertionError(f"never true: {expression}")

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of an element."""
        x, y = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key: str, text: str = "") -> None:
        """Press a key."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, path: Path) -> None:
        """Write a picture of the window."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser without a network."""
    assert PATH is not None
    here_out, there_in = os.pipe()
    there_out, here_in = os.pipe()
    # the browser reads from 3 and writes to 4
    with tempfile.TemporaryDirectory() as folder:
        command = (
            f'exec "{PATH}" --headless=new --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run '
            f"--disable-dev-shm-usage --user-data-dir={folder} --host-resolver-rules='MAP * ~NOTFOUND' about:blank "
            f"3<&{here_out} 4>&{here_in} 2>/dev/null"
        )
        process = subprocess.Popen(["bash", "-c", command], pass_fds=(here_out, here_in))
        os.close(here_out)
        os.close(here_in)
        page = Browser(there_in, there_out)
        try:
            target = page.call("Target.createTarget", url="about:blank")["targetId"]
            page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network"):
                page.call(f"{domain}.enable")
            yield page
        finally:
            process.terminate()
            process.wait(10)
            os.close(there_in)
            os.close(there_out)
            time.sleep(0.2)
