"""Runs a Pine v6 script on bars with PyneCore, an open runtime of Pine; prints the exits as JSON.

Arguments: folder with script.pine and bars.csv, and the size of a tick. Rows: bar of the entry, bar, price, quantity.
"""

import csv
import json
import subprocess
import sys
from datetime import datetime, time
from pathlib import Path

from pynecore.core.script_runner import ScriptRunner
from pynecore.core.syminfo import SymInfo, SymInfoInterval, SymInfoSession
from pynecore.types.ohlcv import OHLCV

folder, tick = Path(sys.argv[1]), float(sys.argv[2])
compiler = Path(sys.executable).with_name("pine2pyne")
subprocess.run([compiler, folder / "script.pine", "-o", folder / "script.py"], check=True, stdout=sys.stderr)
with open(folder / "bars.csv", encoding="utf-8") as file:
    bars = [
        OHLCV(
            timestamp=int(datetime.fromisoformat(row["timestamp"]).timestamp() * 1000),
            **{name: float(row[name]) for name in ("open", "high", "low", "close", "volume")},
        )
        for row in csv.DictReader(file)
    ]
days = range(7)
symbol = SymInfo(
    prefix="X", description="X", ticker="X", currency="USD", basecurrency="X", period="1D", type="crypto",
    mintick=tick, pricescale=round(1 / tick), pointvalue=1.0, mincontract=1e-6, timezone="UTC",
    opening_hours=[SymInfoInterval(day=d, start=time(0), end=time(23, 59, 59)) for d in days],
    session_starts=[SymInfoSession(day=d, time=time(0)) for d in days],
    session_ends=[SymInfoSession(day=d, time=time(23, 59, 59)) for d in days],
)  # fmt: skip
runner = ScriptRunner(
    folder / "script.py", iter(bars), symbol, last_bar_index=len(bars) - 1, last_bar_time=bars[-1].timestamp,
    trade_path=folder / "trades_out.csv",
)  # fmt: skip
runner.run()
with open(folder / "trades_out.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
print(json.dumps(rows))
