"""Single hostile inputs, each with the message that it must get."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import check_bar_files, read_bars
from exitladder.errors import BarsError, ExitladderError, InputFileError, LadderError, ModelError, TrackingError
from exitladder.files.output import csv_text, write_table
from exitladder.files.tables import read_table
from exitladder.files.toml import parse_toml
from exitladder.models.exhaustion.file import load_model, table_digest
from exitladder.models.exhaustion.signature import read_key, sign_model, verify_model
from exitladder.models.forests.checking import check_booster
from exitladder.pipelines.pages.card_file import CARD_DATA, card_to_mapping, read_card
from exitladder.pipelines.pages.model_card import CardSection, ModelCard
from exitladder.pipelines.pages.page import KeyNumber, PageTable
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.report import report
from exitladder.pipelines.train import train
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.trades.entries import make_trades
from exitladder.trades.files import read_trades

OLD = Path(__file__).resolve().parents[1] / "compatibility" / "v0_1"
BARS = "date,open,high,low,close,volume\n2024-01-02,10,11,9,10.5,100\n2024-01-03,10,11,9,10.5,100\n"


def tree(**changes: str) -> str:
    """A booster of two features with one tree of three leaves."""
    lines = {
        "num_leaves": "3", "num_cat": "0", "split_feature": "0 1", "split_gain": "1 1", "threshold": "0.5 1.5",
        "decision_type": "2 2", "left_child": "-1 -2", "right_child": "1 -3", "leaf_value": "0.1 0.2 0.3",
        "leaf_weight": "1 1 1", "leaf_count": "1 1 1", "internal_value": "0 0", "internal_weight": "0 0",
        "internal_count": "3 2", "is_linear": "0", "shrinkage": "1",
    } | changes  # fmt: skip
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
        "objective=regression\nfeature_names=a b\nfeature_infos=[0:1] none\n\n"
    )
    return f"{head}Tree=0\n" + "".join(f"{k}={v}\n" for k, v in lines.items()) + "\n\nend of trees\n"


def test_a_sound_tree_passes() -> None:
    check_booster(tree(), 2, "a.txt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"left_child": "0 0", "right_child": "0 0"}, "Children must follow their parent and exist, but split 0 has"),
        ({"right_child": "100000000 -3"}, "but split 0 has child 100000000"),
        ({"right_child": "1 -4"}, "but split 1 has child -4"),
        ({"left_child": "-1 -1"}, "A node must have one parent, but -1 has two"),
        ({"split_feature": "0 50000000"}, "split_feature must be at least 0 and below 2"),
        ({"split_feature": "0 -1"}, "split_feature must be at least 0 and below 2"),
        ({"num_leaves": "9000000"}, "num_leaves must be from 1 to 131,072"),
        ({"num_leaves": "4"}, "split_feature must have 3 items, as there are 4 leaves, but has 2"),
        ({"threshold": "0.5 nan"}, "threshold must be a list of numbers"),
        ({"leaf_value": "0.1 0.2 1e999"}, "leaf_value must be finite"),
        ({"decision_type": "1 2"}, "decision_type must be that of a number"),
        ({"num_cat": "1"}, "num_cat must be 0"),
        ({"is_linear": "1"}, "is_linear must be 0"),
        ({"cat_threshold": "1"}, "A tree must have the lines"),
    ],
)
def test_a_tree_that_lightgbm_would_not_survive_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_booster(tree(**changes), 2, "a.txt")


def test_a_tree_may_not_be_as_deep_as_it_has_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 600
    chain = {
        "num_leaves": str(n),
        "left_child": " ".join(str(-k - 1) for k in range(n - 1)),
        "right_child": " ".join([*(str(k + 1) for k in range(n - 2)), str(-n)]),
        **{k: " ".join(["0"] * (n - 1)) for k in ("split_feature", "split_gain", "threshold", "decision_type")},
        **{k: " ".join(["0"] * (n - 1)) for k in ("internal_value", "internal_weight", "internal_count")},
        **{k: " ".join(["0"] * n) for k in ("leaf_value", "leaf_weight", "leaf_count")},
    }
    with pytest.raises(ModelError, match=r"500 splits deep, but is deeper. .* EXITLADDER_MAX_MODEL_DEPTH=N"):
        check_booster(tree(**chain), 2, "a.txt")
    monkeypatch.setenv("EXITLADDER_MAX_MODEL_DEPTH", "1000")
    check_booster(tree(**chain), 2, "a.txt")


def test_checksums_made_again_do_not_make_a_broken_model_whole(tmp_path: Path) -> None:
    import hashlib

    folder = tmp_path / "model"
    shutil.copytree(OLD / "model", folder)
    file = folder / "stage_01_race.txt"
    file.write_text(file.read_text().replace("left_child=-1", "left_child=0"))
    table = json.loads((folder / "model.json").read_text())
    table["stages"][1]["race"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    table["sha256"] = table_digest(table)
    (folder / "model.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match=r"child 0 in tree 0 \(.*stage_01_race.txt\)"):
        load_model(folder)


def test_a_signature_tells_who_approved_a_model(tmp_path: Path) -> None:
    folder, key = tmp_path / "model", tmp_path / "desk.key"
    shutil.copytree(OLD / "model", folder)
    key.write_text("k" * 64)
    with pytest.raises(ModelError, match="exitladder model sign"):
        verify_model(folder, read_key(key))
    sign_model(folder, read_key(key))
    verify_model(folder, read_key(key))
    with pytest.raises(ModelError, match="the key is wrong or a file was changed"):
        verify_model(folder, b"x" * 64)
    table = json.loads((folder / "model.json").read_text())
    table["metrics"]["auc"] = 0.9
    table["sha256"] = table_digest(table)
    (folder / "model.json").write_text(json.dumps(table))
    load_model(folder)
    with pytest.raises(ModelError, match="the key is wrong or a file was changed"):
        verify_model(folder, read_key(key))
    key.write_text("short")
    with pytest.raises(ModelError, match=r"from 32 to 4,096 bytes, but .* has 5"):
        read_key(key)


def test_toml_that_is_nested_deeply_is_refused_at_once() -> None:
    began = time.monotonic()
    for text in ("a." * 30_000 + "b = 1", "[" + "a." * 30_000 + "b]", '"a" . ' * 30_000 + "b = 1", "a = " + "[" * 5000):
        with pytest.raises(ValueError, match=r"nested 32 deep.* EXITLADDER_MAX_TOML_DEPTH=N"):
            parse_toml(text)
    with pytest.raises(ValueError):
        parse_toml("a = " + "9" * 5000)
    with pytest.raises(ValueError, match="64 bits"):
        parse_toml("a = 9223372036854775808")
    assert time.monotonic() - began < 5
    assert parse_toml("a.b.c.d = [[1]]") == {"a": {"b": {"c": {"d": [[1]]}}}}


@pytest.mark.parametrize(
    "change",
    [
        {"rungs": [{"fraction": 0.5, "when": ["open_r >= 1e999"]}]},
        {"rungs": [{"fraction": 0.5, "target": "1e400R"}]},
        {"rungs": [{"fraction": 0.5, "target": "fib 1e400"}]},
        {"stop": {"trail": "1e400ATR"}},
        {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"breakeven_after": 1, "breakeven_offset": "1e400R"}},
        {"costs": {"commission_bps": float("inf")}},
        {"stop": {"time": 10**12}},
    ],
)
def test_a_ladder_with_a_number_that_is_not_finite_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(LadderError, match=r"must be (finite|at most)"):
        ladder_from_mapping(change)


def test_a_ladder_of_a_hundred_thousand_rungs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rungs = [{"fraction": 1e-6, "target": "1R"}] * 100_000
    with pytest.raises(LadderError, match=r"may have 1,000 rungs .* but has 100,000.* EXITLADDER_MAX_RUNGS=N"):
        ladder_from_mapping({"rungs": rungs})
    monkeypatch.setenv("EXITLADDER_MAX_TOML_MB", "1")
    (tmp_path / "large.toml").write_text("# " + "x" * 1_100_000)
    with pytest.raises(InputFileError, match=r"may have 1 MB.* EXITLADDER_MAX_TOML_MB=N"):
        read_ladder(tmp_path / "large.toml")


def test_no_message_is_longer_than_a_screen(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(",".join(f"column_{k}" for k in range(100_000)) + "\n1\n")
    with pytest.raises(InputFileError, match=r"2,000 columns, but .* has more.* data.max_columns=N") as wide:
        read_table(tmp_path / "A.csv")
    (tmp_path / "trades.csv").write_text(
        "trade_id,symbol,side,entry_time,entry_price,quantity\nT,A," + "x" * 900_000 + ",2024-01-01,1,1\n"
    )
    with pytest.raises(ExitladderError, match="side must be long or short") as long:
        read_trades(tmp_path / "trades.csv")
    with pytest.raises(LadderError, match="Unknown key") as key:
        ladder_from_mapping({"\x1b[2J" + "k" * 1_000_000: 1})
    for error in (wide, long, key):
        assert len(str(error.value)) < 5000
        assert "\x1b" not in str(error.value)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    (tmp_path / "A.csv.gz").write_bytes(gzip.compress(BARS.encode() + b"0" * 3_000_000))
    how = load_settings(None, ["data.max_unpacked_mb=1"]).data.conventions
    with pytest.raises(InputFileError, match=r"unpack to 1 MB, but .* holds more.* data.max_unpacked_mb=N"):
        read_bars(tmp_path / "A.csv.gz", conventions=how)
    # 8 MB of zeros are a few hundred bytes here
    table = pa.table({name: np.zeros(1_000_000) for name in ("open", "high", "low", "close")})
    pq.write_table(table, tmp_path / "B.parquet")
    with pytest.raises(InputFileError, match=r"unpack to 1 MB, but .* holds more"):
        read_bars(tmp_path / "B.parquet", conventions=how)


@pytest.mark.parametrize(
    "stamp", ["now", "today", "12:00", "2000", "202001", "01012020", "20-01-01", "2020-02-20-02-05"]
)
def test_a_stamp_that_is_none_is_refused(tmp_path: Path, stamp: str) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(
        f"trade_id,symbol,side,entry_time,entry_price,quantity\nT1,A,long,{stamp},1,1\nT2,A,long,{stamp},1,1\n"
    )
    with pytest.raises(ExitladderError):
        read_trades(path)


def test_a_column_that_comes_twice_is_refused(tmp_path: Path) -> None:
    for head in ("date,open,high,low,close,close", "date,open,high,low,close,Close"):
        (tmp_path / "A.csv").write_text(f"{head}\n2024-01-02,10,11,9,10.5,1\n2024-01-03,10,11,9,10.5,2\n")
        with pytest.raises(BarsError, match=r"(?i)close"):
            read_bars(tmp_path / "A.csv")
    for name in ("side", "quantity"):
        (tmp_path / "trades.csv").write_text(
            f"trade_id,symbol,side,entry_time,entry_price,quantity,{name}\nT,A,long,2024-01-01,1,1,1\n"
        )
        with pytest.raises(ExitladderError, match=name):
            read_trades(tmp_path / "trades.csv")


def test_cells_of_bytes_and_lists_are_refused(tmp_path: Path) -> None:
    frame = pd.read_csv(io.StringIO(BARS))
    for cells in ([b"x", b"y"], [[1], [2]], [{"a": 1}, {"a": 2}]):
        for name in frame.columns:
            table = pa.Table.from_pandas(frame)
            table = table.set_column(table.column_names.index(name), name, pa.array(cells))
            pq.write_table(table, tmp_path / "A.parquet")
            try:
                assert check_bar_files(tmp_path / "A.parquet").findings
            except InputFileError as error:
                assert "cannot be read" in str(error)


def test_a_model_that_cannot_be_registered_is_refused_before_training(tmp_path: Path) -> None:
    bars = BarSet([load_sample_bars()[0]["IBM"]])
    settings = load_settings(None, ["project.name='desk/alpha'", f"tracking.store='{tmp_path}/mlruns'"])
    began = time.monotonic()
    with pytest.raises(TrackingError, match=r"'desk/alpha-exhaustion'.* project.name=desk-alpha"):
        train(bars, make_trades(bars, "donchian"), settings)
    assert time.monotonic() - began < 20
    assert not (tmp_path / "mlruns").exists()


SCRIPT = "<script>alert(1)</script>"


def card() -> ModelCard:
    table = PageTable(SCRIPT, SCRIPT, pd.DataFrame({"": [SCRIPT], "AUC": [0.5]}), {"AUC": ".3f"})
    picture = Picture(f"<svg>{SCRIPT}</svg>".encode(), SCRIPT, SCRIPT, '"><script>')
    section = CardSection(SCRIPT, [SCRIPT], [(SCRIPT, SCRIPT)], [table], [SCRIPT], [picture])
    return ModelCard(SCRIPT, SCRIPT, "none", SCRIPT, [KeyNumber(SCRIPT, SCRIPT, SCRIPT)], [section], [SCRIPT])


def test_a_page_is_rendered_from_data_and_never_copied(tmp_path: Path) -> None:
    settings = load_settings(None, ["tracking.enabled=false"])
    (tmp_path / "model_card.html").write_text(f"<html>{SCRIPT}</html>")
    with pytest.raises(InputFileError, match="made from data and never copied"):
        report(str(tmp_path), tmp_path / "page.html", settings)
    (tmp_path / CARD_DATA).write_text(json.dumps(card_to_mapping(card())))
    page = report(str(tmp_path), tmp_path / "page.html", settings).read_text()
    assert page == card().html() == read_card(tmp_path / CARD_DATA).html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


FORMULAS = ['=HYPERLINK("http://x","y")', "+cmd|' /C calc'!A0", "@SUM(1)", "-2+3+cmd|' /C'", "'=A(1)", "\t=A(1)"]
PLAIN = ["@ES", "=b", "-1.5", "+1", "'tis", "(1,201.91)", "a=b(1)", "BRK|B"]


def test_a_formula_in_a_csv_file_is_text_and_reads_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"symbol": [*FORMULAS, *PLAIN], "=B(1)": range(len(FORMULAS) + len(PLAIN))})
    lines = csv_text(frame).splitlines()
    assert lines[0] == "symbol,'=B(1)"
    cells = [line.lstrip('"') for line in lines[1:]]
    assert all(cell.startswith("'") for cell in cells[: len(FORMULAS)])
    assert [cell.split(",")[0] for cell in cells[len(FORMULAS) :]][:5] == PLAIN[:5]
    write_table(frame, tmp_path / "out.csv")
    back = read_table(tmp_path / "out.csv").frame
    assert list(back.columns) == list(frame.columns)
    assert back["symbol"].tolist() == frame["symbol"].tolist()
