"""Runs of exports in the programs that they are for, on trades of the engine; for tests and benchmarks/exports.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.exporters.markets import Filled, gathered, write_csv

from exitladder.exporters import export_ladder
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

HERE = Path(__file__).parent
DRIVERS = HERE.parent / "external" / "programs"
_FUNCTION = re.compile(r"^(?:bool|double|int|void)\s+\w+\([^)\n]*\)(?=\s*(?:\{|\n\s+\{))", re.MULTILINE)


def run(python: Path, script: Path | str, *arguments: object, cwd: Path) -> str:
    """Run a script and return what it prints."""
    # Compiling takes longer than running.
    env = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, script, *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_adds_in_python(
    python: Path, program: str, placed: PlacedTrades, ladder: Ladder, folder: Path
) -> list[list[Filled]]:
    """Exits and adds of each trade by the export to vectorbt or backtesting.py; adds have a negative quantity."""
    in_python(python, program, placed, ladder, folder)
    table = pd.read_csv(folder / "fills.csv", parse_dates=["bar_time"], dtype={"trade_id": str})
    bars = pd.DatetimeIndex(pd.to_datetime(placed.bars.time, utc=True))
    rows = bars.get_indexer(pd.DatetimeIndex(table["bar_time"]))
    sides = dict(zip(map(str, placed.trades.trade_id), placed.trades.side, strict=True))
    found: dict[str, list[Filled]] = {name: [] for name in sides}
    for row, bar in zip(table.to_dict("records"), rows, strict=True):
        is_add = (row["side"] == "buy") == (sides[row["trade_id"]] > 0)
        found[row["trade_id"]].append((int(bar), row["price"], -row["quantity"] if is_add else row["quantity"]))
    return [gathered(fills) for fills in found.values()]


def in_python(python: Path, program: str, placed: PlacedTrades, ladder: Ladder, folder: Path) -> list[list[Filled]]:
    """Exits of each trade by the export to backtesting.py or vectorbt, run as its user does."""
    write_csv(placed, folder)
    (folder / "exits.py").write_text(export_ladder(ladder, program).text)
    run(python, "exits.py", "bars.csv", "trades.csv", "fills.csv", cwd=folder)
    table = pd.read_csv(folder / "fills.csv", parse_dates=["bar_time"], dtype={"trade_id": str})
    bars = pd.DatetimeIndex(pd.to_datetime(placed.bars.time, utc=True))
    rows = bars.get_indexer(pd.DatetimeIndex(table["bar_time"]))
    found: dict[str, list[Filled]] = {str(name): [] for name in placed.trades.trade_id}
    for name, bar, price, quantity in zip(table["trade_id"], rows, table["price"], table["quantity"], strict=True):
        found[name].append((int(bar), float(price), float(quantity)))
    return [gathered(fills) for fills in found.values()]


def in_freqtrade(
    python: Path, placed: PlacedTrades, ladder: Ladder, folder: Path, tick: float = 0.25
) -> tuple[list[list[Filled]], set[str]]:
    """Exits of each trade, and the tags of all orders, by freqtrade's own backtesting."""
    write_csv(placed, folder)
    trades = placed.trades
    columns = zip(placed.entry_bar, trades.stop_price, trades.quantity, trades.side, strict=True)
    entries = [
        {"bar": int(bar), "stop": float(stop), "quantity": float(q), "side": int(side)}
        for bar, stop, q, side in columns
    ]
    (folder / "entries.json").write_text(json.dumps(entries))
    (folder / "exits.py").write_text(export_ladder(ladder, "freqtrade", hooks=True).text)
    printed = run(python, DRIVERS / "drive_freqtrade_export.py", folder, tick, cwd=folder)
    rows: list[list[Any]] = json.loads(printed.splitlines()[-1])
    found: list[list[Filled]] = [[] for _ in range(len(placed))]
    for entry, bar, price, amount, tag in rows:
        found[entry].append((bar, price, -amount if tag.startswith("add ") else amount))
    return [gathered(fills) for fills in found], {row[-1] for row in rows}


def with_adds_in_pine(
    python: Path, placed: PlacedTrades, ladder: Ladder, folder: Path, tick: float = 0.25
) -> list[list[Filled]]:  # fmt: skip
    """Exits and adds of each trade by PyneCore; the trades follow each other, without fills in the bar of the entry."""
    found: list[list[Filled]] = [[] for _ in range(len(placed))]
    for row in _by_pynecore(python, placed, ladder, folder, tick):
        is_entry = row["Type"].startswith("Entry")
        if not is_entry or row["Signal"].startswith("add"):
            bar, quantity = int(row["Bar Index"]), float(row["Contracts"])
            of = int(np.searchsorted(placed.entry_bar, bar)) - 1
            found[of].append((bar, float(row["Price USD"]), -quantity if is_entry else quantity))
    return [gathered(fills) for fills in found]


def _by_pynecore(
    python: Path, placed: PlacedTrades, ladder: Ladder, folder: Path, tick: float
) -> list[dict[str, Any]]:  # fmt: skip
    """The list of trades of PyneCore's run of an export with these entries."""
    write_csv(placed, folder)
    text = export_ladder(ladder, "pine", hooks=True).text
    start = text.index("bool goLong")
    end = text.index("// ----", start)
    (folder / "script.pine").write_text(text[:start] + pine_entries(placed) + text[end:])
    rows: list[dict[str, Any]] = json.loads(
        run(python, DRIVERS / "drive_pine.py", folder, tick, cwd=folder).splitlines()[-1]
    )
    return rows


def in_pine(
    python: Path, placed: PlacedTrades, ladder: Ladder, folder: Path, tick: float = 0.25
) -> list[list[Filled]]:  # fmt: skip
    """Exits of each trade by PyneCore, an open runtime of Pine; the trades must not overlap."""
    rows = _by_pynecore(python, placed, ladder, folder, tick)
    begun = {row["Trade #"]: int(row["Bar Index"]) for row in rows if row["Type"].startswith("Entry")}
    found: dict[int, list[Filled]] = {int(bar): [] for bar in placed.entry_bar}
    for row in rows:
        if row["Type"].startswith("Exit"):
            fill = int(row["Bar Index"]), float(row["Price USD"]), float(row["Contracts"])
            found[begun[row["Trade #"]]].append(fill)
    return [gathered(fills) for fills in found.values()]


def pine_entries(placed: PlacedTrades) -> str:
    """The part of the script that its user replaces: entries at these bars with these stops."""
    quantity = float(placed.trades.quantity[0])
    lines = ["bool goLong = false", "bool goShort = false", f"float entryQuantity = {quantity}", "float ownStop = na"]
    for bar, side, stop in zip(placed.entry_bar, placed.trades.side, placed.trades.stop_price, strict=True):
        name = "goLong" if side > 0 else "goShort"
        lines += [f"if bar_index == {bar - 1}", f"    {name} := true", f"    ownStop := {stop}"]
    return "\n".join(lines) + "\n"


def compiled_mql5(compiler: str, ladder: Ladder, folder: Path) -> Path:
    """The expert advisor as a C++ program, with the model of MetaTrader 5 beside this file."""
    source = export_ladder(ladder, "mql5").text
    code = "\n".join(line for line in source.splitlines() if not line.startswith(("#property", "#include")))
    prototypes = "".join(f"{found};\n" for found in _FUNCTION.findall(code))
    text = f'#include "{HERE / "mql5_model.h"}"\n{prototypes}{code}\n#include "{HERE / "mql5_main.h"}"\n'
    (folder / "expert.cpp").write_text(text)
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unused"]
    done = subprocess.run(
        [compiler, "-std=c++17", *warnings, "expert.cpp", "-o", "expert"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "expert"


def in_mql5(
    expert: Path, placed: PlacedTrades, *, hedging: bool, rejected: int = 0, tick: float = 0.25, age: int = 0
) -> list[list[Filled]]:  # fmt: skip
    """Exits of each trade by the expert; `rejected` requests are refused by the server first, `age` is in bars."""
    bars, trades = placed.bars, placed.trades
    table = np.column_stack([bars.open, bars.high, bars.low, bars.close])
    rows = [f"{len(table)} {len(placed)} {int(hedging)} {rejected} {tick} {age}"]
    rows += [" ".join(map(repr, row)) for row in table.tolist()]
    columns = zip(placed.entry_bar, trades.side, trades.quantity, trades.stop_price, strict=True)
    rows += [f"{bar} {side} {quantity} {stop}" for bar, side, quantity, stop in columns]
    done = subprocess.run([expert], input="\n".join(rows), capture_output=True, text=True, timeout=60, check=True)
    found: list[list[Filled]] = [[] for _ in range(len(placed))]
    for line in done.stdout.splitlines():
        assert not line.startswith("error"), line
        number, bar_text, price, volume = line.split()
        found[int(number)].append((int(bar_text), float(price), float(volume)))
    return [gathered(fills) for fills in found]
