"""The files of a new project: commented settings and a starting ladder."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import Field, asdict, fields
from typing import Any

import tomli_w

from exitladder.settings.contracts import Contracts
from exitladder.settings.currencies import Currencies
from exitladder.settings.tables import Settings, plain

_WIDTH = 110
# longer comments go above their key
_BESIDE = 60
# so do comments of longer entries
_LONG = 45

LADDER_TOML = """\
# A ladder: the portions of the position to sell, their targets, and the stop rules after each.
# Fractions are of the original quantity; the part that no rung sells is the runner, exited by the stop.
name = "classic"
atr_window = 14                   # bars of Wilder's ATR, used by targets, stops and trailing stops

[[rungs]]
fraction = 0.25
target = "1R"                     # R, ATR or %; a price; "fib 1.618"; "resistance 1"; negative: a partial stop-out

[[rungs]]
fraction = 0.25
target = "2R"

# A rung triggered by a trained model (backtest and score it with --model REF). All conditions must hold at a
# bar's close; the order fills at the next open.
# [[rungs]]
# fraction = 0.25
# when = ["exhaustion >= 0.70", "open_r >= 0.5"]

# A rung with its own stop or trail, which reserve its quantity (rule X10 of docs/execution.md); a target is optional.
# [[rungs]]
# fraction = 0.25
# stop = "0.5R"                   # from the entry, never farther than the initial stop
# trail = "2ATR"                  # armed from the entry; or trail_after = 1, or trail_from = "1R"
# follow = true                   # breakeven_after and trail of [stop] move it too

[stop]
initial = "2ATR"                  # for trades without a stop_price
breakeven_after = 1               # stop to break-even after this rung; breakeven_offset = "0.1R" raises it
trail = "3ATR"                    # trailing stop, distance from the best price; also R and %
trail_after = 1                   # armed after this rung; or trail_from = "1R"
time = 40                         # time stop: after this many bars, the rest is sold at the next open; or "6h"
# time = "3 sessions"             # at the close of the third session, the entry's is the first
# session_close = true            # flat at the session's close; clock = "15:55": at that time of the exchange
# max_gap = "36h"                 # out at the open after a longer gap

[costs]
commission_bps = 2.0              # of each fill's notional; also commission_per_unit, _fixed, _min
slippage_bps = 1.0                # of market and stop fills; also slippage_ticks, slippage_atr, half_spread_bps
tick = 0.01
lot = 1
min_quantity = 1

[execution]
intrabar = "stop_first"           # target_first, ohlc, nearer_extreme or finer_bars
limit_fill = "touch"              # or "through": one tick beyond the price
"""

_PLAN_HEAD = """\
# A plan: how a position is entered in tranches, sized and sold. A ladder is a plan without [[adds]], [size] and [book].
# docs/plans.md describes every key; `exitladder plan plan.toml --entry 100 --atr 2` shows the tranches of a trade.
"""
_PLAN_TABLES = """
# Tranches after the first entry, each fills once. Positive: pyramiding, a stop order; negative: averaging, a limit
# order, which needs a stop.
[[adds]]
quantity = 0.5                    # x the first quantity; or units = 50, or money = 3000
at = "0.5ATR"                     # R, ATR or %; a price; "support 1"; or when = ["open_r >= 0.5"]
spacing = "previous"              # measured from the fill before; default: from the entry
stop = "2ATR"                     # the stop of the whole position moves to this far from this fill; or "average"

# [[adds]]
# quantity = 1.0
# at = "-0.5R"

[add_rules]
after_exit = false                # no add after a part was sold
until_bars = 20                   # adds fill in this many bars only

# The first quantity. Sized at the entry from what earlier trades have booked.
[size]
rule = "fraction"                 # "file": the quantity of each trade
fraction = 0.01                   # of equity is lost if the trade loses its planned risk, adds included
maximum = 3.0                     # the most held, x the first quantity; or maximum_units, _money, _equity (x equity)
ruin = 0.5                        # a loss of this share of the starting equity counts as ruin
# rule = "fixed"                  # with units = 100, or money = 10000
# rule = "volatility"             # with target_volatility = 0.1 (a year) and window = 35 (bars)
# rule = "anti_martingale"        # with fraction = 0.01, factor = 2.0, wins = 1, maximum_factor = 4.0
# rule = "kelly"                  # with fraction = 0.01, kelly_fraction = 0.5, kelly_cap = 0.02, minimum_trades = 30

[book]
equity = 100000                   # money in the account before the first trade
"""
PLAN_TOML = (
    _PLAN_HEAD
    + LADDER_TOML[LADDER_TOML.index("# Fractions are of") :].replace('name = "classic"', 'name = "classic plan"')
    + _PLAN_TABLES
)


def settings_toml(settings: Settings, remarks: Mapping[str, str] | None = None) -> str:
    """Return the settings as TOML with a comment for every key; it reads back to equal settings.

    Parameters
    ----------
    settings : Settings
    remarks : mapping of str to str, optional
        A comment by symbol, above its table.

    Returns
    -------
    str

    Examples
    --------
    >>> print(settings_toml(Settings()).split("[data]")[0])  # doctest: +ELLIPSIS
    # Settings of an exitladder project...
    [project]
    # Project-wide settings.
    name = "exitladder"   # name of the project and of its MLflow experiment
    seed = 0              # random seed of the whole project; at least 0
    threads = 0           # number of threads; 0: all cores; at least 0
    """
    lines = [
        "# Settings of an exitladder project. Commands run in this folder read the file; override single keys",
        "# with --set table.key=value. A missing key has the default shown here.",
        "",
    ]
    for part in fields(settings):
        table = getattr(settings, part.name)
        if isinstance(table, (Contracts, Currencies)):
            lines += [*_free_table(table, remarks or {}), ""]
            continue
        texts = _documented(type(table))
        lines += [f"[{part.name}]", f"# {_first_line(type(table))}"]
        entries = [(_entry(f.name, getattr(table, f.name)), _comment(f, texts)) for f in fields(table)]
        beside = max(len(entry) for entry, _ in entries if len(entry) <= _LONG)
        before = ""
        for f, (entry, comment) in zip(fields(table), entries, strict=True):
            if part.name == "features" and entry.startswith("series = [{"):
                lines.append(f"# {comment}")
                lines += [line for item in table.series for line in _series_table(item)]
                continue
            if comment == before:
                lines.append(entry)
            elif len(entry) <= beside and (len(comment) <= _BESIDE or beside + len(comment) + 5 <= _WIDTH):
                lines.append(f"{entry:<{beside}}   # {comment}")
            else:
                lines += textwrap.wrap(comment, _WIDTH, initial_indent="# ", subsequent_indent="# ")
                lines += [entry] if len(entry) <= _WIDTH else _of_several_lines(f.name, getattr(table, f.name))
            before = comment
        lines.append("")
    return "\n".join(lines)


def _entry(name: str, value: Any) -> str:
    text = tomli_w.dumps({"v": plain(value)}, multiline_strings=False).strip().removeprefix("v = ")
    # Arrays on one line each, nested ones too.
    for pattern, written in ((r"\[\n\s*", "["), (r",\n\s*\]", "]"), (r",\n\s*", ", ")):
        text = re.sub(pattern, written, text)
    return f"{name} = {text}"


def _of_several_lines(name: str, value: Any) -> list[str]:
    """Return a long array with an item on each line."""
    return tomli_w.dumps({name: plain(value)}).strip().splitlines()


def _free_table(table: Contracts | Currencies, remarks: Mapping[str, str]) -> list[str]:
    """Return a table whose keys are the user's: symbols with their contracts, or currencies with their rates."""
    if isinstance(table, Contracts):
        head = [
            "[symbols]",
            '# The contract of each symbol; or file = "symbols.csv". A step of 0 keeps that of [costs]. Example:',
            "# [symbols.ES]",
            "# multiplier = 50       # money per point of price and unit of quantity",
            "# tick = 0.25           # also lot, min_quantity",
            '# currency = "USD"',
            '# session = "09:30-16:00"',
            '# exchange_tz = "America/New_York"',
            '# half_days = ["2024-11-29 13:00"]   # sessions that close early',
        ]
        for symbol, values in table.to_mapping().items():
            written = tomli_w.dumps({"symbols": {symbol: values}}).strip().splitlines()
            if symbol in remarks:
                text = f"session, a proposal: {remarks[symbol]}"
                head += textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")
            head += [*(line for line in written if line and line != "[symbols]"), ""]
        return head[:-1] if len(table) else head
    head = [
        "[currencies]",
        "# The account's currency, and the rate of every other one: a number, or a symbol whose close is the rate.",
    ]
    rates = tomli_w.dumps(dict(table.rates)).strip().splitlines()
    return [*head, f'account = "{table.account}"   # such as USD; EUR = 1.1; JPY = "1/USDJPY"', *rates]


def _series_table(item: Any) -> list[str]:
    return ["[[features.series]]", *tomli_w.dumps(asdict(item)).strip().splitlines()]


def _comment(key: Field[Any], texts: dict[str, str]) -> str:
    meta = key.metadata
    text = str(meta.get("text", texts.get(key.name, "")))
    limits = [f"at least {meta['least']:g}" if meta.get("least") is not None else ""]
    limits += [f"at most {meta['most']:g}" if meta.get("most") is not None else ""]
    names = [name for name in meta.get("among", ()) if name not in text]
    limits += [f"one of {', '.join(meta['among'])}" if names else ""]
    return "; ".join(filter(None, [text, *limits]))


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or kind.__name__).splitlines()[0]


def _documented(kind: type) -> dict[str, str]:
    """Return the description of each name in the docstring's Parameters."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(kind) or "").splitlines():
        head = re.fullmatch(r"(\w+(?:, \w+)*) : .*", line)
        if head:
            names = head[1].split(", ")
        elif names and line.startswith("    "):
            for name in names:
                texts[name] = f"{texts[name]} {line.strip()}" if name in texts else line.strip()
        elif line and not line.startswith("    "):
            names = []
    return texts
