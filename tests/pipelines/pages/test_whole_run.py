"""A whole run on own files: every page, its links, and real clicks, keys and print in a headless Chromium."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screen import fitted
from exitladder.cli.screens.backtest import backtest_screen
from exitladder.cli.screens.compare import compare_screen
from exitladder.cli.screens.run import run_screen
from exitladder.cli.screens.tune import tune_screen
from exitladder.pipelines.pages.whole_run import PAGES
from exitladder.pipelines.run import PARTS, RunResult, run
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

TINY = {
    "model": {"n_estimators": 5},
    "validation": {"n_folds": 2, "n_test_parts": 2, "n_bootstrap": 100},
    "tuning": {"n_trials": 8},
}


@dataclass(frozen=True)
class Whole:
    """A run, its folder and the lines that it told."""

    result: RunResult
    folder: Path
    told: list[str]


@pytest.fixture(scope="module")
def whole(bars: BarSet, some_open: Trades, small: Settings, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    two = BarSet([bars["IBM"], bars["MSFT"]])
    trades = some_open.take([symbol in ("IBM", "MSFT") for symbol in some_open.symbol])
    folder = tmp_path_factory.mktemp("run") / "result"
    told: list[str] = []
    command = "exitladder run --bars 'my bars' --trades trades.csv --out result"
    result = run(two, trades, small.with_values(TINY), out=folder, command=command, tell=told.append)
    return Whole(result, folder, told)


def without_scripts(html: str) -> str:
    """Return a page without the plotting library, whose names of fonts and licences are addresses never asked for."""
    return re.sub(r"(?s)<script.*?</script>", "", html)


def test_every_page_is_there_small_and_linked_to_the_others(whole: Whole) -> None:
    for address in PAGES.values():
        page = whole.folder / address
        html = page.read_text(encoding="utf-8")
        assert len(html) < 5_000_000 and not re.search(r"(src|href)\s*=\s*[\"']https?:", without_scripts(html))
        links = [link for link in re.findall(r'<a href="([^"#]+)"', html) if not link.startswith("#")]
        assert len(links) >= len(PAGES)
        assert all((page.parent / link).is_file() for link in links)


def test_the_summary_says_first_what_to_do(whole: Whole) -> None:
    html = (whole.folder / "index.html").read_text(encoding="utf-8")
    sentence = whole.result.tuned.tuned.recommended.sentence[:40].replace("'", "&#39;")
    assert html.index(sentence) < html.index("Part by part") < html.index("Exit policies compared")
    assert "my bars" in html
    assert "your own exits" in (whole.folder / "comparison.html").read_text(encoding="utf-8")


def test_each_part_is_announced_with_its_number(whole: Whole) -> None:
    n = len(PARTS) + 1
    assert [line.split(":")[0] for line in whole.told] == [f"part {k} of {n}" for k in range(2, n + 1)]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_screen_says_first_what_to_do_and_fits_the_terminal(
    width: int, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = fitted(run_screen(whole.result.to_mapping(), "result", width), Screen())
    assert text.startswith(whole.result.tuned.tuned.recommended.sentence[:40])
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_screens_of_its_parts_fit_the_terminal_and_say_which_drawdown(
    width: int, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    backtest, tuned = (
        json.loads((whole.folder / name).read_text()) for name in ("walk/summary.json", "tuned/tune.json")
    )
    texts = {
        "backtest": backtest_screen(backtest, "walk", "0" * 32, width),
        "tune": tune_screen({**tuned, "run_id": "0" * 32}, "tuned", width),
        "compare": compare_screen(whole.result.to_mapping()["comparison"], width),
    }
    for name, text in texts.items():
        shown = fitted(text, Screen())
        assert max(map(len, shown.splitlines())) <= width, name
        assert not re.search(r"\b(n|is|has)_[a-z]|max_drawdown|across_split", shown), name
    for name, words in (("backtest", "verdicts speak of this one"), ("compare", "a verdict speaks of this one")):
        assert words in " ".join(texts[name].split())


def words_shown(html: str) -> str:
    """Return what a reader sees of a page, without commands and code."""
    plain = re.sub(r"(?s)<(script|style|code|pre|template|title)\b.*?</\1>", " ", html)
    return re.sub(r"<[^>]*>", " ", plain)


def test_no_page_shows_a_name_of_the_code(whole: Whole) -> None:
    columns = {"adj_close", "entry_price", "stop_price", "quantity_open", "hold_value_r", "x86_64"}
    for address in PAGES.values():
        shown = words_shown((whole.folder / address).read_text(encoding="utf-8"))
        found = set(re.findall(r"(?<![\w/.-])[a-z][a-z0-9]*_[a-z0-9_]+(?![\w/]|\.[a-z])", shown))
        assert found <= columns, (address, found - columns)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_files_are_those_of_the_single_commands(whole: Whole) -> None:
    names = {path.relative_to(whole.folder).as_posix() for path in whole.folder.rglob("*") if path.is_file()}
    assert {
        "run.json", "scores.csv", "today.json", "tuned/recommended.toml", "tuned/tune.json", "walk/summary.json",
        "recommended/summary.json", "model/model_card.json",
    } < names  # fmt: skip
    assert whole.result.n_open == len(json.loads((whole.folder / "today.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("address", PAGES.values())
def test_no_page_has_a_barrier_or_is_wider_than_a_phone(
    address: str, whole: Whole, browser: Any, barriers: Callable[[str], list[str]]
) -> None:
    browser.theme("light")
    browser.open(whole.folder / address)
    assert barriers("light") == []
    assert barriers("dark") == []
    browser.size(390, 800, mobile=True)
    browser.wait("document.documentElement.scrollWidth <= 390")
    assert browser.requests == []


TUNED = "[data-widget=trades]"


def test_a_reader_chooses_trades_and_reads_values_with_mouse_and_keys(whole: Whole, browser: Any) -> None:
    browser.theme("light")
    browser.open(whole.folder / "tuned" / "index.html")
    said = f"document.querySelector('{TUNED} p').textContent"
    first = browser.js(said)
    browser.js(f"document.querySelectorAll('{TUNED} button')[1].id = 'next'; undefined")
    browser.click("#next")
    assert browser.js(said) != first and " R: entered at " in browser.js(said)
    browser.js(
        f"(() => {{ const s = document.querySelectorAll('{TUNED} select')[1]; s.value = 'lost';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    shown = browser.js(f"[...document.querySelectorAll('{TUNED} select')[2].options].map(o => o.text)")
    assert shown and all("−" in text for text in shown)
    equity = "document.querySelector('[data-widget=equity] p').textContent"
    before = browser.js(equity)
    browser.js("document.querySelector('[data-widget=equity] input').focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="Home", code="Home", windowsVirtualKeyCode=36)
    assert browser.js(equity) != before and "tuned ladder" in before
    browser.wait("document.querySelector('[data-widget=equity] .hoverlayer')?.children.length > 0")


def test_another_stop_and_target_are_looked_up_in_the_grid_of_the_engine(whole: Whole, browser: Any) -> None:
    grid = json.loads((whole.folder / "tuned" / "what_if.json").read_text(encoding="utf-8"))
    browser.open(whole.folder / "tuned" / "index.html")
    for stop, target in ((0, 3), (4, 1)):
        browser.js(
            f"document.querySelectorAll('[data-widget=what_if] select').forEach((s, k) => {{ s.value = [{stop},"
            f" {target}][k]; s.dispatchEvent(new Event('change')); }})"
        )
        rows = browser.js("[...document.querySelectorAll('[data-widget=what_if] td')].map(td => td.textContent)")
        cell = stop * len(grid["targets"]) + target
        wanted = [grid["before_r"][cell], grid["scored_r"][cell], grid["best_scored_r"], grid["chosen_r"]]
        assert [float(row.split(" R")[0].replace("−", "-")) for row in rows] == pytest.approx(wanted, abs=6e-4)


def test_print_shows_drawn_pictures_instead_of_charts(whole: Whole, browser: Any) -> None:
    browser.open(whole.folder / "tuned" / "index.html")
    shown = (
        "[...document.querySelectorAll('.widget, .replaced, nav')].map(e => [e.className || 'nav',"
        " getComputedStyle(e).display !== 'none'])"
    )
    assert {name.split()[0]: seen for name, seen in browser.js(shown)}["widget"]
    assert not any(seen for name, seen in browser.js(shown) if "replaced" in name)
    browser.theme("light", "print")
    assert all(seen == ("replaced" in name) for name, seen in browser.js(shown))
    browser.theme("light")
