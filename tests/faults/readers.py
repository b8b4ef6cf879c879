"""Every reader of files that may come from somebody else, with small valid files to mutate."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import shutil
import sqlite3
import sys
import tomllib
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from mutations import TOKENS, mutate, mutate_value  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[2]
OLD = ROOT / "tests" / "compatibility" / "v0_1"
sys.path.append(str(ROOT / "tests" / "importers"))


IS_SPOILT = True


def leave_as_is() -> None:
    """Make valid files from now on."""
    global IS_SPOILT, mutate, mutate_value
    IS_SPOILT = False
    mutate, mutate_value = (lambda content, rng: content), (lambda value, rng: value)


@dataclass(frozen=True)
class Reader:
    """A reader and how a hostile file for it is made.

    Parameters
    ----------
    make : callable
        Writes a mutated file or folder into a folder and returns its path.
    read : callable
        Reads it as a command would.
    share : float
        Of the mutations asked for; below 1 for readers that take long.
    short_share : float
        Further share in short runs.
    """

    make: Callable[[Path, random.Random], Path]
    read: Callable[[Path], object]
    share: float = 1.0
    short_share: float = 1.0


def _frame(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    close = 100 + np.cumsum(rng.normal(0, 1, n)).round(2)
    open_ = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=n, freq="D", tz="UTC"),
            "open": open_,
            "high": np.maximum(open_, close) + 0.5,
            "low": np.minimum(open_, close) - 0.5,
            "close": close,
            "volume": rng.integers(100, 999, n).astype(float),
        }
    )


def _texts_of_bars() -> list[str]:
    frame = _frame()
    dates = frame["timestamp"].dt.strftime("%Y-%m-%d")
    two = frame.assign(timestamp=dates)
    euro = two.assign(timestamp=frame["timestamp"].dt.strftime("%d.%m.%Y"))
    epochs = frame.assign(timestamp=frame["timestamp"].astype("int64") // 10**6)
    return [
        two.to_csv(index=False),
        euro.to_csv(index=False, sep=";", decimal=","),
        epochs.to_csv(index=False, header=False),
        pd.concat([two.assign(symbol="BTC/USD"), two.assign(symbol="NA")]).to_csv(index=False),
        two.assign(adj_close=two["close"] / 2).rename(columns=str.title).to_csv(index=False),
        "Price,Close,High,Low,Open,Volume\nTicker,ES,ES,ES,ES,ES\nDate,,,,,\n"
        + two[["timestamp", "close", "high", "low", "open", "volume"]].to_csv(index=False, header=False),
    ]


TRADES = """trade_id,symbol,side,entry_time,entry_price,quantity,stop_price,exit_time,exit_price,tag,entry_at
T1,ACME,long,2024-01-03T00:00:00Z,101.5,10,99.0,2024-01-08T00:00:00Z,104.0,a,open
T2,ACME,short,2024-01-05T15:30Z,100.25,7.5,103,,,=b,
T3,@ES,long,2024-01-06,99,1,,2024-01-07,"1,099.5",,close
"""
FILLS = """trade_id,fill_id,time,symbol,side,quantity,price,commission,commission_currency,tag,stop_price
T1,1,2024-01-03T00:00:00Z,ACME,buy,10,101.5,0.5,USD,a,99
T1,2,2024-01-04T00:00:00Z,ACME,sell,4,103,0.5,USD,a,
T1,3,2024-01-08T00:00:00Z,ACME,sell,6,104,0.5,USD,a,
T2,4,2024-01-05T15:30:00Z,ACME,sell,7.5,100.25,0,,b,103
T2,5,2024-01-06T15:30:00Z,ACME,buy,7.5,99,0,,b,
"""
PLAN = """name = "pyramid"
rungs = [{fraction = 0.5, target = "3R", measured_from = "average"}]
stop = {initial = "2ATR", breakeven_after = 1, breakeven_from = "average"}
[[adds]]
quantity = 1.0
at = "0.5ATR"
stop = "2ATR"
[[adds]]
units = 50
at = "0.5ATR"
spacing = "previous"
atr = "current"
stop = "average+costs"
[[adds]]
money = 300.0
when = ["rsi_14 < 40", "open_r > 0"]
[size]
maximum = 4.0
[add_rules]
after_exit = true
until_bars = 40
"""
LADDER = """name = "mine"
atr_window = 14
[[rungs]]
fraction = 0.25
target = "1R"
[[rungs]]
fraction = 0.25
when = ["exhaustion >= 0.7", "open_r > 1"]
[[rungs]]
fraction = 0.1
target = "fib 1.618"
[[rungs]]
fraction = "rest"
when = ["bars_held >= 90"]
[stop]
initial = "2ATR"
breakeven_after = 1
breakeven_offset = "0.1R"
trail = "3ATR"
trail_after = 1
time = 40
[costs]
commission_bps = 2.0
tick = 0.01
[execution]
intrabar = "ohlc"
participation = 0.1
[tuned]
choice = "ladder"
verdict = "better"
from = 2024-01-01T00:00:00Z
until = 2024-02-01T00:00:00Z
n_trades = 2
trades = ["0123456789ab", "ba9876543210"]
"""
CONTRACTS = """symbol,multiplier,tick,lot,currency,session,exchange_tz,inverse
ES,50,0.25,1,USD,09:30-16:00,UTC,false
BTC,1,0.1,,USD,,,true
"""
ACTIONS = "symbol,date,split,dividend\nACME,2024-01-10,4:1,\nACME,2024-01-20,,0.25\n"
SYMBOL_MAP = "symbol,name\nBTC/USD,BTC\nES,@ES\n"


# --- how files are made -------------------------------------------------------------------------------------------


def _text(name: str, seeds: Callable[[], list[str]]) -> Callable[[Path, random.Random], Path]:
    def make(folder: Path, rng: random.Random) -> Path:
        content = rng.choice(seeds()).encode()
        path = folder / name
        path.write_bytes(mutate(content, rng))
        return path

    return make


def _packed(folder: Path, rng: random.Random) -> Path:
    """A gzipped or zipped table: its text or its packing is changed."""
    content = rng.choice(_texts_of_bars()).encode()
    is_inside = rng.random() < 0.5
    content = mutate(content, rng) if is_inside else content
    if rng.random() < 0.5:
        packed, path = gzip.compress(content), folder / "ACME-1d.csv.gz"
    else:
        packed, path = _zipped({"ACME-1d.csv": content}, rng), folder / "ACME-1d.zip"
    path.write_bytes(packed if is_inside else mutate(packed, rng))
    return path


def _zipped(members: dict[str, bytes], rng: random.Random) -> bytes:
    out = io.BytesIO()
    way = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(out, "w", way) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _odd_column(rng: random.Random, n: int) -> Any:
    """A column of a type that no table of bars should have."""
    kinds: list[Callable[[], Any]] = [
        lambda: pa.array([b"x"] * n),
        lambda: pa.array([[1, 2]] * n),
        lambda: pa.array([{"a": 1}] * n),
        lambda: pa.array(["x", None] * (n // 2) + ["y"] * (n % 2)).dictionary_encode(),
        lambda: pa.nulls(n),
        lambda: pa.array([True] * n),
        lambda: pa.array([1.5] * n).cast(pa.decimal128(38, 10)),
        lambda: pa.array([1] * n, pa.duration("s")),
        lambda: pa.array([1] * n, pa.time64("us")),
        lambda: pa.array([1] * n, pa.date32()),
        lambda: pa.array([2**62] * n, pa.timestamp("us")),
        lambda: pa.array([2**62] * n, pa.timestamp("ns", "Europe/Berlin")),
        lambda: pa.array([rng.choice(TOKENS).replace("\ud800", "") for _ in range(n)]),
        lambda: pa.array([float("nan")] * n),
        lambda: pa.array([1e308] * n),
        lambda: pa.array([2**63] * n, pa.uint64()),
    ]
    return rng.choice(kinds)()


def _arrow_table(rng: random.Random) -> Any:
    table = pa.Table.from_pandas(_frame(), preserve_index=rng.random() < 0.2)
    for _ in range(rng.choice((0, 0, 1, 2)) if IS_SPOILT else 0):
        k = rng.randrange(table.num_columns)
        table = table.set_column(k, table.column_names[k], _odd_column(rng, table.num_rows))
    if IS_SPOILT and rng.random() < 0.1:
        table = table.append_column(rng.choice(table.column_names), table.column(0))
    return table


def _native(write: Callable[[Any, Path, random.Random], None], name: str) -> Callable[[Path, random.Random], Path]:
    def make(folder: Path, rng: random.Random) -> Path:
        path = folder / name
        write(_arrow_table(rng), path, rng)
        if rng.random() < 0.8:
            path.write_bytes(mutate(path.read_bytes(), rng))
        return path

    return make


def _write_parquet(table: Any, path: Path, rng: random.Random) -> None:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    pq.write_table(table, path, compression=rng.choice(("snappy", "none", "zstd", "gzip")))


def _write_feather(table: Any, path: Path, rng: random.Random) -> None:
    from pyarrow import feather

    if rng.random() < 0.1:
        frame = _frame()
        feather.write_feather(pa.Table.from_pandas(frame), path, version=1)
        return
    feather.write_feather(table, path, compression=rng.choice(("uncompressed", "lz4", "zstd")))


@cache
def _workbook() -> bytes:
    out = io.BytesIO()
    frame = _frame(12)
    frame.assign(timestamp=frame["timestamp"].dt.tz_localize(None)).to_excel(out, index=False)
    return out.getvalue()


def _excel(folder: Path, rng: random.Random) -> Path:
    content = _workbook()
    if rng.random() < 0.6:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", *members])
        name = name if name in members else rng.choice(list(members))
        members[name] = mutate(members[name], rng)
        content = _zipped(members, rng)
    else:
        content = mutate(content, rng)
    path = folder / "ACME-1d.xlsx"
    path.write_bytes(content)
    return path


@cache
def _exports() -> dict[str, bytes]:
    import files as made  # type: ignore[import-not-found]

    found = {f"{name}.csv": text.encode() for name, text in made.files_of_the_page().items()}
    found["mt5.html"] = made.html().encode()
    found["flex.xml"] = made.flex_xml().encode()
    found["okx.csv"] = made.OKX.encode()
    found["bybit.csv"] = made.BYBIT.encode()
    for name, (head, rows) in made.TV.items():
        found[f"tv-{name}.csv"] = "\n".join([head, *rows]).encode()
    trade = made.freqtrade_trade()
    found["freqtrade.json"] = json.dumps({"strategy": {"S": {"trades": [trade]}}}, default=str).encode()
    found["lean.json"] = json.dumps(
        {"totalPerformance": {"closedTrades": [{"symbol": "A", "entryTime": "2024"}]}}
    ).encode()
    found["fills.csv"] = FILLS.encode()
    return found


def _export(folder: Path, rng: random.Random) -> Path:
    found = _exports()
    if rng.random() < 0.08:
        return _freqtrade(folder, rng)
    name = rng.choice(sorted(found))
    content = found[name]
    if name.endswith(".json") and rng.random() < 0.6:
        content = json.dumps(mutate_value(json.loads(content), rng)).encode()
    else:
        content = mutate(content, rng)
    if rng.random() < 0.1:
        content, name = _zipped({name: content}, rng), "export.zip"
    path = folder / Path(name).name
    path.write_bytes(content)
    return path


def _freqtrade(folder: Path, rng: random.Random) -> Path:
    import files as made

    path = folder / "freqtrade.sqlite"
    made.freqtrade_base(path)
    path.write_bytes(mutate(path.read_bytes(), rng))
    return path


def _model(folder: Path, rng: random.Random) -> Path:
    """A model whose text or description is changed; mostly signed again, as whoever changes it can do."""
    path = folder / "model"
    shutil.copytree(OLD / "model", path)
    is_signed = rng.random() < 0.85
    way = rng.random()
    if way < 0.6:
        file = rng.choice(sorted(path.glob("stage_*.txt")))
        file.write_bytes(_spoilt_booster(file.read_bytes(), rng))
    table = json.loads((path / "model.json").read_text())
    if way > 0.55:
        table = mutate_value(table, rng)
    if is_signed:
        _sign(path, table)
    text = json.dumps(table)
    (path / "model.json").write_bytes(text.encode() if way < 0.95 else mutate(text.encode(), rng))
    return path


@cache
def _estimators() -> list[bytes]:
    """Archives of estimators that were trained on four features."""
    from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.tree import DecisionTreeClassifier  # type: ignore[import-untyped]

    from exitladder.models.estimators.saving import to_bytes

    X = np.random.default_rng(0).normal(size=(60, 4))
    kinds = [LogisticRegression(), DecisionTreeClassifier(max_depth=3), RandomForestClassifier(3, max_depth=2)]
    return [to_bytes(kind.fit(X, X[:, 0] > 0)) for kind in kinds]


def _estimator(folder: Path, rng: random.Random) -> Path:
    """An archive of an estimator whose description, arrays or bytes are changed."""
    path, content, out = folder / "estimator.skops", rng.choice(_estimators()), io.BytesIO()
    if rng.random() < 0.2:
        path.write_bytes(mutate(content, rng))
        return path
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        target = "schema.json" if rng.random() < 0.7 else rng.choice(old.namelist())
        for name in old.namelist():
            part = old.read(name)
            if name == target == "schema.json":
                part = json.dumps(mutate_value(json.loads(part), rng)).encode()
            elif name == target:
                part = mutate(part, rng)
            new.writestr(name, part)
    path.write_bytes(out.getvalue())
    return path


def _read_estimator(path: Path) -> object:
    from exitladder.models.estimators.saving import from_bytes

    found = from_bytes(path.read_bytes(), 4, "binary", path.name)
    return found.predict_proba(np.random.default_rng(1).normal(size=(20, 4)))


def _sign(path: Path, table: Any) -> None:
    from exitladder.models.exhaustion.file import table_digest

    try:
        for stage in table["stages"]:
            for part in ("race", "hold"):
                content = (path / stage[part]["file"]).read_bytes()
                stage[part]["sha256"] = hashlib.sha256(content).hexdigest()
        table["sha256"] = table_digest(table)
    except (KeyError, TypeError, AttributeError, OSError, ValueError):
        return


def _spoilt_booster(content: bytes, rng: random.Random) -> bytes:
    if not IS_SPOILT:
        return content
    if rng.random() < 0.3:
        return bytes(mutate(content, rng))
    lines = content.split(b"\n")
    for _ in range(rng.choice((1, 1, 3))):
        k = rng.choice([k for k, line in enumerate(lines) if b"=" in line])
        name, _, value = lines[k].partition(b"=")
        items = value.split(b" ")
        way = rng.randrange(4)
        if way == 0:
            items[rng.randrange(len(items))] = rng.choice(
                (b"0", b"1", b"-1", b"100000000", b"-100000000", b"nan", b"inf", b"1e400", b"x", b"", b"3")
            )
        elif way == 1:
            items = [b"0"] * len(items)
        elif way == 2:
            items = items * rng.choice((2, 1000))
        else:
            items = items[:-1]
        lines[k] = name + b"=" + b" ".join(items)
    return b"\n".join(lines)


@cache
def _study() -> tuple[bytes, Any]:
    """A database with a finished study, and what it was asked for."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/studies.db"
        _search(url)
        return (Path(folder) / "studies.db").read_bytes(), None


def _search(url: str) -> object:
    from exitladder.models.search.evaluation import Evaluation
    from exitladder.models.search.search import search
    from exitladder.models.search.space.space import SearchSpace
    from exitladder.models.search.studies.store import StudyStore
    from exitladder.plans.ladder import Ladder
    from exitladder.settings.tables import SearchSettings

    def worth(ladders: list[Ladder]) -> Evaluation:
        n = len(ladders)
        return Evaluation(np.arange(n, dtype=float)[:, None], np.zeros((n, 0)), ("a",), ())

    store = StudyStore(url)
    try:
        space = SearchSpace(SearchSettings(n_rungs=(1, 2)), Ladder())
        return search(space, n_trials=12, sampler="qmc", batch_size=4, store=store, evaluate=worth, name="mine")
    finally:
        store.close()


def _spoilt_study(folder: Path, rng: random.Random) -> Path:
    path = folder / "studies.db"
    path.write_bytes(_study()[0])
    if rng.random() < 0.25:
        path.write_bytes(mutate(path.read_bytes(), rng))
        return path
    with closing(sqlite3.connect(path)) as base, base:
        table, column, condition = rng.choice(
            (("exitladder_batches", "payload", ""), ("study_user_attributes", "value_json", "where key = 'exitladder'"))
        )
        rows = base.execute(f"select rowid, {column} from {table} {condition}").fetchall()
        row, text = rng.choice(rows)
        if rng.random() < 0.7:
            spoilt = json.dumps(mutate_value(json.loads(text), rng))
        else:
            spoilt = mutate(text.encode(), rng).decode(errors="replace")
        base.execute(f"update {table} set {column} = ? where rowid = ?", (spoilt, row))
        if IS_SPOILT and rng.random() < 0.3:
            base.execute("delete from exitladder_batches where batch = 2")
    return path


def _run_folder(name: str) -> Callable[[Path, random.Random], Path]:
    def make(folder: Path, rng: random.Random) -> Path:
        path = folder / "run"
        shutil.copytree(OLD / name, path)
        file = rng.choice(sorted(p for p in path.iterdir() if p.name not in ("after_exit.csv", "trials.csv")))
        way = rng.random() if IS_SPOILT else 0.5
        if way < 0.1:
            file.write_bytes(b"")
        elif way < 0.15:
            file.unlink()
        elif file.suffix == ".json" and way < 0.8:
            file.write_text(json.dumps(mutate_value(json.loads(file.read_text()), rng)))
        else:
            file.write_bytes(mutate(file.read_bytes(), rng))
        return path

    return make


def _either_run(folder: Path, rng: random.Random) -> Path:
    return _run_folder(rng.choice(("backtested", "tuned")))(folder, rng)


@cache
def _month() -> bytes:
    times = pd.date_range("2023-01-01", "2023-01-31", freq="D", tz="UTC")
    ms = times.astype("int64") // 10**6 if times.unit == "ns" else times.as_unit("ms").astype("int64")
    return "".join(f"{t},10,11,9,10.5,100,{t + 86_399_999},1000,5,50,500,0\n" for t in ms).encode()


def _archive(folder: Path, rng: random.Random) -> Path:
    content = mutate(_month(), rng) if rng.random() < 0.6 else _month()
    packed = _zipped({"BTCUSDT-1d-2023-01.csv": content}, rng)
    path = folder / "BTCUSDT-1d-2023-01.zip"
    path.write_bytes(mutate(packed, rng) if content == _month() else packed)
    return path


# --- how they are read --------------------------------------------------------------------------------------------


def _read_bars(path: Path) -> object:
    from exitladder.bars.reading import check_bar_files, read_bars

    check_bar_files(path, repair=True)
    return read_bars(path)


def _read_trades(path: Path) -> object:
    from exitladder.trades.files import read_trades

    return read_trades(path)


def _read_fills(path: Path) -> object:
    from exitladder.trades.fills import read_fills

    return read_fills(path)


def _import(path: Path) -> object:
    from exitladder.importers.imports import import_files

    return import_files([path])


def _read_ladder(path: Path) -> object:
    from exitladder.plans.file import ladder_from_mapping, ladder_to_toml, read_ladder

    ladder = read_ladder(path)
    assert ladder_from_mapping(tomllib.loads(ladder_to_toml(ladder))) == ladder, "a ladder does not read back"
    return ladder


def _read_settings(path: Path) -> object:
    from exitladder.settings.loading import load_settings

    settings = load_settings(path)
    json.dumps(settings.to_mapping(), allow_nan=False)
    return settings.data.conventions


def _read_model(path: Path) -> object:
    from exitladder.features.stored_set import feature_set_from_mapping
    from exitladder.models.exhaustion.file import load_model

    model = load_model(path)
    X = np.array([[30.0, -1.0], [np.nan, 1e30], [70.0, 2.0]], dtype=np.float32)
    model.predict(X, np.full(3, 2_000_000_000 * 10**9), threads=1)
    model.stages[-1].race.contributions(X, threads=1)
    model.importance()
    if "features" in model.context:
        feature_set_from_mapping(model.context["features"])
    return model


def _read_study(path: Path) -> object:
    return _search(f"sqlite:///{path}")


def _compare(path: Path) -> object:
    from exitladder.pipelines.compare import compare
    from exitladder.settings.loading import load_settings

    settings = load_settings(None, ["tracking.enabled=false", "validation.n_bootstrap=100"])
    return compare([str(path), str(OLD / "backtested")], settings)


def _report(path: Path) -> object:
    from exitladder.pipelines.report import report
    from exitladder.settings.loading import load_settings

    return report(str(path), path.parent / "page.html", load_settings(None, ["tracking.enabled=false"]))


def _read_month(path: Path) -> object:
    from exitladder.bars.layouts.klines import bars_in_zip
    from exitladder.bars.tables import read_options

    options = read_options("UTC", "none", False, "1d")
    return bars_in_zip(path.read_bytes(), path.name, pd.Period("2023-01", "M"), "BTCUSDT", options)


def _read_contracts(path: Path) -> object:
    from exitladder.settings.contracts import read_contracts

    return read_contracts(path)


def _read_actions(path: Path) -> object:
    from exitladder.bars.actions import read_actions

    return read_actions(path)


def _read_symbol_map(path: Path) -> object:
    from exitladder.bars.layouts.names import read_symbol_map

    return read_symbol_map(str(path))


def _settings_texts() -> list[str]:
    from exitladder.settings.tables import Settings
    from exitladder.settings.template import settings_toml

    return [settings_toml(Settings()), (OLD / "exitladder.toml").read_text()]


def _old_ladders() -> list[str]:
    return [LADDER, (OLD / "ladder.toml").read_text(), PLAN]


READERS: dict[str, Reader] = {
    "bars: text": Reader(_text("ACME-1d.csv", _texts_of_bars), _read_bars, 1.0, 0.5),
    "bars: packed": Reader(_packed, _read_bars, 1.0, 0.5),
    "bars: Parquet": Reader(_native(_write_parquet, "ACME-1d.parquet"), _read_bars),
    "bars: Feather": Reader(_native(_write_feather, "ACME-1d.feather"), _read_bars),
    "bars: Excel": Reader(_excel, _read_bars, 1.0, 0.5),
    "bars: months": Reader(_archive, _read_month),
    "trades": Reader(_text("trades.csv", lambda: [TRADES]), _read_trades),
    "fills": Reader(_text("fills.csv", lambda: [FILLS]), _read_fills),
    "imports": Reader(_export, _import),
    "ladders": Reader(_text("ladder.toml", _old_ladders), _read_ladder),
    "settings": Reader(_text("exitladder.toml", _settings_texts), _read_settings),
    "contracts": Reader(_text("symbols.csv", lambda: [CONTRACTS]), _read_contracts),
    "actions": Reader(_text("actions.csv", lambda: [ACTIONS]), _read_actions),
    "symbol maps": Reader(_text("map.csv", lambda: [SYMBOL_MAP]), _read_symbol_map),
    "models": Reader(_model, _read_model),
    "estimators": Reader(_estimator, _read_estimator),
    "studies": Reader(_spoilt_study, _read_study, 1.0, 0.12),
    "runs: compared": Reader(_run_folder("backtested"), _compare, 1.0, 0.2),
    "runs: pages": Reader(_either_run, _report, 1.0, 0.04),
}
