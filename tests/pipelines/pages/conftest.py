"""One headless Chromium for the tests of pages, and axe-core, which looks for barriers on a page opened in it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

RUN = """axe.run(document, {resultTypes: ["violations"]}).then((found) => JSON.stringify(found.violations.map(
  (rule) => [rule.id, rule.impact, rule.help, rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))])))"""


@pytest.fixture(scope="session")
def browser(external: Callable[[str], Path]) -> Iterator[Any]:
    """A browser without a network (`chrome.Browser`); skips without Chromium."""
    external("chromium")
    spec = importlib.util.spec_from_file_location("pages_chrome", Path(__file__).parent / "chrome.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.browser() as started:
        yield started


@pytest.fixture(scope="session")
def barriers(browser: Any, external: Callable[[str], Path]) -> Callable[[str], list[str]]:
    """A function that returns what axe-core finds on the page that the browser shows, in a theme (light or dark).

    All its rules run: WCAG 2.2 A and AA, and best practices. Skips where `make external` has not installed it.
    """
    found = sorted(external("axe").parent.parent.glob("lib/python*/site-packages/axe_playwright_python/axe.min.js"))
    source = found[0].read_text(encoding="utf-8")

    def run(theme: str) -> list[str]:
        browser.theme(theme)
        browser.js(f"{source};undefined")
        violations: list[list[Any]] = json.loads(browser.js(RUN))
        return [f"{rule} ({impact}): {text}: {' | '.join(nodes)}" for rule, impact, text, nodes in violations]

    return run
