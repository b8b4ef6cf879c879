"""The page with tonight's orders, in a headless Chromium: real clicks, keys, both themes, a phone, print."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.cli.screens.score import score_screen
from exitladder.pipelines.advice.rows.columns import COLUMNS
from exitladder.pipelines.pages.score import score_page
from exitladder.pipelines.pages.trade_chart import LeftAlone, TradeChart

EVIL = '<script>alert("x")</script>'


def order(kind: str, quantity: float, price: float | None, group: str | None) -> dict[str, Any]:
    return {
        "type": kind, "side": "sell", "quantity": quantity, "price": price, "rung": None, "kind": "stop",
        "id": f"{group} {kind}", "oco": group, "reduce_only": True, "time_in_force": "gtc", "hours": "regular",
        "replaces": None,
    }  # fmt: skip


def scores(n: int = 30) -> pd.DataFrame:
    """Trades of every urgency, one of them with hostile texts."""
    kinds = [("hold", "hold"), ("move_stop", "hold"), ("exit", "exit"), ("stop_missing", "hold"), ("ask", "hold")]
    rows: list[dict[str, Any]] = []
    for k in range(n):
        urgency, action = kinds[k % 5]
        now = 96.0 if urgency != "stop_missing" else np.nan
        after = 98.0 if urgency == "move_stop" else 96.0
        rows.append(dict.fromkeys(COLUMNS, np.nan) | {
            "trade_id": f"T{k}", "symbol": f"SYM{k}", "side": "long" if k % 2 else "short", "tag": f"tag{k % 3}",
            "asof": pd.Timestamp("2024-01-05", tz="UTC"), "quantity_open": 13.0, "price": 100.0 + k,
            "open_r": k / 10 - 1,
            "mfe_r": 2.0, "give_back_r": 1.0, "bars_held": 7, "bars_managed": 3, "exhaustion": 0.78,
            "exhaustion_low": 0.71, "exhaustion_high": 0.84, "action": action, "urgency": urgency,
            "action_quantity": 13.0 if action == "exit" else 0.0, "stop_before": now, "stop_price": after,
            "open_pnl": 1234.5 - k, "risk_now": 10.0 * k, "risk_after": 5.0 * k, "risk_now_r": 1.0 + k / 100,
            "risk_after_r": 0.5, "summary": "Hold 13.", "stop_kind": "stop", "managed_from": "2024-01-02", "clock": "",
            "orders": [
                order("limit", 3, 120.0, "rung-1"), order("stop", 3, after, "rung-1"), order("stop", 10, after, None),
            ],
            "replacements": [], "reasons": [], "warnings": [], "changes": [], "missed_rungs": [], "cancels": [],
        })  # fmt: skip
    rows[7] |= {
        "symbol": f"S{EVIL}",
        "summary": EVIL,
        "warnings": [EVIL],
        "tag": EVIL,
        "trade_id": EVIL,
        "reasons": [EVIL],
    }
    return pd.DataFrame(rows, columns=list(COLUMNS))


def chart(**paths: Any) -> TradeChart:
    close = 100 + np.cumsum(np.random.default_rng(1).normal(0, 1, 40))
    time = pd.Timestamp("2024-01-01").value + 86_400 * 10**9 * np.arange(40)
    return TradeChart(
        time, close + 1, close - 1, close, 12, 1, float(close[12]),
        [("stop now", 96.0), ("stop tonight", 98.0), ("target 1", 120.0), ("gone", np.nan)], [(20, 101.0, EVIL)], 30,
        **paths,
    )  # fmt: skip


def test_the_page_asks_for_nothing_and_escapes_texts() -> None:
    html = score_page(scores(), f"verdict {EVIL}", {"T1": chart()})
    assert html.count("<script") == 1 and EVIL not in html
    assert not re.search(r"(src|href)=|url\(|@import|https?://", html)
    assert "nan" not in re.sub(r"<script>.*</script>", "", html, flags=re.DOTALL).lower().replace("tuning", "")
    assert "78% [71, 84]" in html


def test_what_to_see_first_comes_before_the_orders_also_where_they_are_copied() -> None:
    table, check = scores(), "SELL 3 SYM2 LIMIT 120 was reached on 4 Jan 2024; see whether it filled."
    table["checks"] = [[check] if k == 2 else [] for k in range(len(table))]
    table["instructions"] = [["PLACE SELL 3 SYM2 LIMIT 120 GTC"]] * len(table)
    html = score_page(table)
    assert html.count(f'<p class="first">{check}</p>') == 1 and html.count("see first; ") == 1
    assert f'data-copy="FIRST {check}\nPLACE SELL 3 SYM2 LIMIT 120 GTC"' in html
    opened = html[html.index(f'<p class="first">{check}') :]
    assert opened.index('<p class="say">') < opened.index("Orders, in this order")
    assert '<span class="muted">T2</span>' in html
    text = " ".join(score_screen(table.iloc[2:3], 80).split())
    assert f"first {check} do " in text


def test_the_most_urgent_trade_is_first_and_the_largest_risk_before_smaller_ones() -> None:
    html = score_page(scores())
    classes = re.findall(r'<tr class="row (\w+)"', html)
    assert classes == sorted(classes, key=["stop_missing", "exit", "reduce", "move_stop", "ask", "hold"].index)
    moved = re.findall(r'<tr class="row move_stop" data-symbol="([^"]*)"', html)
    assert moved[0] == "SYM26"  # takes off the most risk


def test_warnings_of_the_bars_come_first_and_risk_adds_up_the_same_trades() -> None:
    table = scores()
    table.loc[0, "risk_now_r"] = np.nan  # no stop now, 0.5 R once it is placed
    table.loc[[1, 2], ["risk_now_r", "risk_after_r", "risk_now", "risk_after"]] = np.nan
    html = score_page(table, notes=["The newest bar closed on 2024-01-05, 312 days ago."])
    top = html[: html.index('<ul class="totals"')]
    assert '<p class="note danger" role="alert">The newest bar closed on 2024-01-05, 312 days ago.</p>' in top
    known = table.drop(index=[0, 1, 2])
    assert f"Risk in R now <b>{known['risk_now_r'].sum():.2f}</b>" in html
    assert f"after these orders <b>{known['risk_after_r'].sum():.2f}</b>" in html
    assert "without a stop now (0.50 R after these orders)" in html
    screen = " ".join(score_screen(table, 80).split())
    assert f"of 27 trades: now {known['risk_now_r'].sum():.2f} R" in screen and "Not in this risk: 1 without" in screen


def test_no_open_trade_is_said() -> None:
    html = score_page(pd.DataFrame(columns=list(COLUMNS)))
    assert "nothing to do" in html and "<table" not in html


def test_a_chart_is_described_in_words() -> None:
    text = chart().text()
    assert re.search(r"last [\d.]+; entry [\d.]+; stop now 96, stop tonight 98, target 1 120; best on", text)
    assert 'role="img"' in chart().svg() and EVIL not in chart().svg()


def test_a_chart_shows_the_paths_of_stop_and_exhaustion_and_the_set_and_forget_exit() -> None:
    stop, exhaustion = np.full(40, np.nan), np.full(40, np.nan)
    stop[12:20], stop[20:30] = 98.0, 99.0
    exhaustion[14:20], exhaustion[25:40] = 0.25, 0.75
    one = chart(risk=2.0, stop=stop, exhaustion=exhaustion, alone=LeftAlone(98.0, 102.0, 30, -1.0))
    svg, text = one.svg(), one.text()
    # one step up between the 20th and the 21st bar, and nothing after the last known stop
    (path,) = re.findall(r'class="stop path" d="([^"]+)"', svg)
    levels = [float(y) for y in re.findall(r"V([\d.]+)", path)]
    assert len(levels) == 18 and len(set(levels)) == 2 and levels[0] > levels[-1] == min(levels)
    assert len(re.findall(r'class="exhaustion" d=', svg)) == 2  # a gap is no line
    assert "exhaustion 75%" in svg and svg.count("set and forget would have ended on 31 Jan with −1.00 R") >= 2
    best = (max(one.high[12:]) - one.entry_price) / 2
    assert f"MFE {best:+.2f} R on " in text and "MAE −" in text
    assert "the ladder's stop went from 98 to 99; set and forget would have ended on 31 Jan" in text
    assert "exhaustion between 25% and 75%, last 75%" in text
    assert "exhaustion" not in chart(exhaustion=np.full(40, np.nan)).svg()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "orders.html"
    path.write_text(score_page(scores(), "no difference", {f"T{k}": chart() for k in range(30)}), encoding="utf-8")
    return path


@pytest.fixture
def opened(page: Path, browser: Any) -> Any:
    browser.theme("light")
    browser.open(page)
    return browser


SHOWN = "[...document.querySelectorAll('tr.row')].filter(r => !r.hidden).length"


@pytest.mark.slow
def test_thirty_positions_are_one_screen(opened: Any) -> None:
    assert opened.js("document.documentElement.scrollHeight") <= 800
    assert opened.js("document.documentElement.scrollWidth") <= 1280
    assert opened.js(SHOWN) == 30 and opened.requests == []


@pytest.mark.slow
def test_clicks_open_filter_and_copy(opened: Any) -> None:
    assert opened.js("document.getElementById('trade-1').hidden")
    opened.click("tr.row .open")
    assert not opened.js("document.getElementById('trade-1').hidden")
    assert opened.js("document.querySelector('#trade-1 svg').getBoundingClientRect().height") > 100
    opened.click("tr.row .open")
    assert opened.js("document.getElementById('trade-1').hidden")
    opened.click("tr.row .copy")
    opened.wait("document.getElementById('said').textContent.startsWith('Copied: PLACE SELL 3 SYM')")
    opened.js("document.querySelector('[name=action]').value = 'exit';"
              "document.querySelector('form').dispatchEvent(new Event('input', {bubbles: true}))")  # fmt: skip
    assert opened.js(SHOWN) == 6
    assert opened.js("document.getElementById('said').textContent") == "6 of 30 trades shown"


@pytest.mark.slow
def test_the_keyboard_does_everything(opened: Any) -> None:
    opened.key("/")
    assert opened.js("document.activeElement.name") == "symbol"
    for letter in "sym2":
        opened.key(letter, letter)
    assert opened.js(SHOWN) == 11
    opened.key("Escape")
    assert opened.js(SHOWN) == 30
    opened.js("document.activeElement.blur()")
    opened.key("ArrowDown")
    opened.key("ArrowDown")
    assert opened.js("document.activeElement.getAttribute('aria-controls')") == "trade-2"
    opened.key("Enter", "\r")
    assert not opened.js("document.getElementById('trade-2').hidden")


CONTRAST = """(() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  let least = 21;
  for (const e of document.querySelectorAll("td, th, p, button, li, label, footer")) {
    if (!e.textContent.trim() || e.closest("[hidden]")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
})()"""


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_have_contrast_and_every_control_a_name(theme: str, opened: Any) -> None:
    opened.theme(theme)
    opened.click("tr.row .open")
    assert opened.js(CONTRAST) >= 4.5
    nodes = opened.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "combobox", "searchbox", "image", "table", "columnheader")
    unnamed = [
        node for node in nodes
        if not node.get("ignored")
        and node.get("role", {}).get("value") in roles
        and not node.get("name", {}).get("value")
    ]  # fmt: skip
    assert unnamed == []


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier(theme: str, opened: Any, barriers: Callable[[str], list[str]]) -> None:
    opened.click("tr.row .open")
    assert barriers(theme) == []
    opened.size(390, 844, mobile=True)
    assert barriers(theme) == []


@pytest.mark.slow
def test_a_phone_scrolls_in_one_direction_only(opened: Any) -> None:
    opened.size(390, 844, mobile=True)
    assert opened.js("document.documentElement.scrollWidth") <= 390
    assert opened.js("Math.min(...[...document.querySelectorAll('button.copy')].filter(b => b.offsetParent)"
                     ".map(b => b.getBoundingClientRect().height))") >= 30  # fmt: skip


@pytest.mark.slow
def test_print_is_two_pages(opened: Any) -> None:
    document = base64.b64decode(opened.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", document)) <= 2
