"""`train` with several books: one model, which knows each book again and what it is worth there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.resample import resample_bars
from exitladder.errors import InputTypeError, ModelError, TradesError
from exitladder.models.exhaustion.file import load_model
from exitladder.pipelines.inputs.books import Book, book_of, pooled
from exitladder.pipelines.inputs.job import open_job
from exitladder.pipelines.score import score
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.train import TrainResult, train
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import Trades

KNOWN = {"us": {"intervals": ["1d"], "symbols": ["SPY"]}, "us_1h": {"intervals": ["1h"], "symbols": ["SPY", "QQQ"]}}


@pytest.fixture(scope="module")
def books(bars: BarSet, trades: Trades) -> tuple[Book, Book]:
    """The sample's daily trades, and trades of the same symbols on weekly bars."""
    weekly = resample_bars(bars, "1w")
    entered = make_trades(weekly, "donchian")
    near = np.abs(entered.stop_price - entered.entry_price) < 0.4 * entered.entry_price
    latest = np.argsort(trades.entry_time, kind="stable")[-450:]
    return Book("daily", bars, trades.take(latest)), Book("weekly", weekly, entered.take(np.flatnonzero(near)))


@pytest.fixture(scope="module")
def stacked(small: Settings) -> Settings:
    return small.with_values({"model": {"combine": "stack"}, "project": {"name": "pool"}})


@pytest.fixture(scope="module")
def together(books: tuple[Book, Book], stacked: Settings) -> TrainResult:
    every, entered, settings = pooled(books, stacked)
    return train(every, entered, settings, books=("daily", "weekly"))


@pytest.mark.slow
def test_each_book_has_its_numbers_and_its_exit(together: TrainResult, books: tuple[Book, Book], store: Path) -> None:
    found = together.to_mapping()
    assert [book["name"] for book in found["books"]] == ["daily", "weekly"]
    assert [book["n_trades"] for book in found["books"]] == [len(book.trades) for book in books]
    assert found["n_trades"] == sum(len(book.trades) for book in books)
    saved = resolve_model(together.model, store)
    assert (saved.parent / "model_policy_daily.toml").is_file()
    known = load_model(saved).context["books"]
    assert known["weekly"]["intervals"] == ["1w"] and known["daily"]["symbols"] == list(books[0].bars.symbols)
    assert {entry["value_finding"] for entry in known.values()} <= {"edge", "no edge", "harm", ""}


@pytest.mark.slow
def test_a_book_alone_is_predicted_as_it_was_in_the_pool(
    together: TrainResult, books: tuple[Book, Book], stacked: Settings
) -> None:
    alone = open_job(books[0].bars, books[0].trades, stacked, model=together.model)
    said, pool = alone.predictions, together.trained.predictions
    prepared = alone.prepared
    assert said is not None
    means = {}
    for name, predictions in (("alone", said), ("pool", pool)):
        known = predictions.stage == predictions.stage.max() - 1
        means[name] = np.unique(predictions.exhaustion[known].round(9))
    assert set(means["alone"]) <= set(means["pool"])
    # a symbol of no book is predicted by the pool, unless the settings name its book
    other = replace(books[0].bars["AAPL"], symbol="OTHER")
    own = books[0].trades.take(np.flatnonzero(books[0].trades.symbol == "AAPL"))
    renamed = replace(own, symbol=np.array(["OTHER"] * len(own), dtype=object))
    named = stacked.with_values({"model": {"book": "daily"}})
    by_name = open_job(BarSet([other]), renamed, named, model=together.model).predictions
    at = np.repeat(prepared.placed.trades.symbol == "AAPL", prepared.rows.lengths)
    assert by_name is not None
    assert np.array_equal(by_name.exhaustion, said.exhaustion[at], equal_nan=True)
    with pytest.raises(ModelError, match="its books are daily, weekly"):
        open_job(BarSet([other]), renamed, stacked.with_values({"model": {"book": "none"}}), model=together.model)


@pytest.mark.slow
def test_a_ladder_reads_the_rank_of_a_pooled_model(
    together: TrainResult, books: tuple[Book, Book], stacked: Settings
) -> None:
    ladder = ladder_from_mapping({"rungs": [{"fraction": 1.0, "when": ["exit_rank >= 0.9"]}], "stop": {"time": 40}})
    latest = books[0].trades.take(np.argsort(books[0].trades.entry_time, kind="stable")[-4:])
    signals = open_job(books[0].bars, latest, stacked, model=together.model).signals([ladder])
    assert signals.names == ("exit_rank",)
    rows = score(books[0].bars, latest, ladder, together.model, stacked).frame
    assert list(rows.columns[10:13]) == ["exhaustion", "hold_value_r", "exit_rank"]
    assert rows["exit_rank"].dropna().between(0, 1).all()
    silent = rows["exhaustion"].isna() & rows["hold_value_r"].isna()
    assert (rows["exit_rank"].isna() == silent).all()


def test_a_symbol_finds_its_book_by_bar_length_or_is_asked_for() -> None:
    assert book_of("SPY", "1d", KNOWN) == "us" and book_of("QQQ", "1h", KNOWN) == "us_1h"
    assert book_of("QQQ", "1d", KNOWN) == "(QQQ)" and book_of("QQQ", "1h", KNOWN, "us") == "us_1h"
    twice = {**KNOWN, "more": {"intervals": ["1d"], "symbols": ["SPY"]}}
    with pytest.raises(ModelError, match=r"model\.book=us"):
        book_of("SPY", "1d", twice)
    assert book_of("SPY", "1d", twice, "more") == "more"


def test_mappings_from_python_must_name_the_same_books(bars: BarSet, trades: Trades) -> None:
    import exitladder

    with pytest.raises(TradesError, match="the bars are of one, and the trades of one, two"):
        exitladder.train({"one": bars}, {"one": trades, "two": trades})
    with pytest.raises(TradesError, match="must have the same books"):
        exitladder.train(bars, {"one": trades})
    with pytest.raises(InputTypeError, match="mapping of books where trades are one"):
        exitladder.train("bars", {"one": trades})
    with pytest.raises(TradesError, match="two or more books"):
        exitladder.train({"one": bars}, {"one": trades})


def test_books_that_cannot_be_pooled_are_refused(bars: BarSet, trades: Trades, small: Settings) -> None:
    for names in (("one", "one"), ("one",), ("a/b", "c")):
        with pytest.raises(TradesError, match="book"):
            pooled([Book(name, bars, trades) for name in names], small)
    with pytest.raises(ModelError, match="combine"):
        train(*pooled([Book(n, bars, trades) for n in ("one", "two")], small), books=("one", "two"))
