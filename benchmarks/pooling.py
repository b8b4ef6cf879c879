"""One model of many books against a model of each book, on real markets of different symbols and bar lengths.

The pooled model and the model of each book are trained in stages, with purging and embargo, and compared on the rows
that both predict out of fold: how much smaller the pooled loss is, and how much smaller each is than that of the mean
of the book's labels known at the time, with standard errors by blocks of days (log loss of ``exhaustion`` in
thousandths, squared error of ``hold_value_r`` in thousandths of its variance). Then the exit of each: model minus trail
in R, tuned on the earlier half of the trades that both predict, executed on the later half.

Run ``python benchmarks/pooling.py [BOOK ...] [--data FOLDER]``, with books of ``real_markets.py`` or SYMBOL of one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from real_markets import DATA, MARKETS

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.models.calibration.calibrators import logit
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.stacking import gain_over
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.books import Book, pooled
from exitladder.pipelines.inputs.predictions import RowPredictions, predict_rows
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.training.model import fit_model, training_rows
from exitladder.pipelines.training.value import gain_over_trail
from exitladder.runtime.progress import SILENT
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades


def trained(prepared: Prepared, settings: Settings) -> tuple[TrainingRows, ExhaustionModel, RowPredictions]:
    """Return the rows, the model of these trades and its out-of-fold predictions."""
    rows = training_rows(prepared, settings)
    model = fit_model(rows, prepared, settings, SILENT)
    return rows, model, predict_rows(prepared, model)


def constants(rows: TrainingRows, when: IntArray, label: FloatArray) -> FloatArray:
    """Return the mean of the labels that were known at each moment."""
    known = np.flatnonzero(rows.is_used & np.isfinite(label))
    order = known[np.argsort(rows.over_ns[known], kind="stable")]
    mean = np.cumsum(label[order]) / np.arange(1, len(order) + 1)
    at = np.searchsorted(rows.over_ns[order], when, side="right") - 1
    return np.where(at >= 0, mean[np.maximum(at, 0)], np.nan)


def compared(book: Book, prepared: Prepared, said: RowPredictions, settings: Settings) -> list[str]:
    """Return the lines of one book.

    Parameters
    ----------
    book : Book
    prepared : Prepared
        The pool.
    said : RowPredictions
        Of the pooled model.
    settings : Settings
    """
    alone = prepare(book.bars, book.trades, settings)
    rows, _, own_said = trained(alone, settings)
    place = {str(name): k for k, name in enumerate(prepared.placed.trades.trade_id)}
    at = np.array([place[f"{book.name}/{name}"] for name in alone.placed.trades.trade_id])
    shift = prepared.rows.start[:-1][at] - alone.rows.start[:-1]
    from_pool = said.take(np.repeat(shift, alone.rows.lengths) + np.arange(alone.rows.n_rows))
    both = rows.is_used & (own_said.stage >= 0) & (from_pool.stage >= 0)
    lines = []
    for series, objective in (("exhaustion", "binary"), ("hold_value_r", "regression")):
        label = rows.race if objective == "binary" else rows.hold
        known = np.flatnonzero(both & np.isfinite(label))
        by = (getattr(own_said, series), getattr(from_pool, series), constants(rows, rows.time_ns, label))
        own, pool, none = (logit(v[known]) if objective == "binary" else v[known] for v in by)
        scale = 1e3 if objective == "binary" else 1e3 / label[known].var()
        cells = []
        for one, other in ((own, none), (pool, none), (pool, own)):
            gain = gain_over(one, other, label[known], rows.time_ns[known], rows.over_ns[known], objective)
            cells.append(f"{scale * gain.mean:+7.2f} ± {scale * gain.error:5.2f}")
        lines.append(f"{book.name:<12}{series:<14}{len(known):>7}  " + "  ".join(f"{cell:>17}" for cell in cells))
    for name, each in (("own", own_said), ("pooled", from_pool)):
        usable = replace(each, stage=np.where(_predicted(alone, both), each.stage, -1).astype(np.int16))
        gain, _ = gain_over_trail(alone, usable, settings)
        shown = f"{gain.difference_r:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" if gain else "too few trades"
        lines.append(f"{book.name:<12}{'exit, ' + name:<14}{gain.n if gain else 0:>7}  model minus trail {shown} R")
    return lines


def _predicted(prepared: Prepared, both: BoolArray) -> BoolArray:
    """Return the rows of the trades whose first reachable row both models predict."""
    trades = np.zeros(len(prepared.placed), dtype=bool)
    trades[prepared.rows.trade[both]] = True
    return np.repeat(trades, prepared.rows.lengths)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lines of each book."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", nargs="*", default=["sample", "nse", "lean-1d", "binance-1h"], help="see MARKETS")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    parser.add_argument("--most", type=int, default=3_000, help="latest trades of a book at most")
    parser.add_argument("--threads", type=int, default=0, help="0 means all cores")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    args = parser.parse_args(arguments)
    settings = load_settings(None, [f"project.threads={args.threads}", *args.set])
    books = []
    for name in args.books:
        bars = MARKETS[name](args.data)
        trades = make_trades(bars, "donchian", lot=0.0)
        latest = np.argsort(trades.entry_time, kind="stable")[-args.most :]
        books.append(Book(name.replace("-", "_"), bars, trades.take(latest)))
    every, entered, shared = pooled(books, settings)
    prepared = replace(prepare(every, entered, shared), books=tuple(book.name for book in books))
    said = trained(prepared, shared)[2]
    print("book        series           rows  own over constant  pooled over const.  pooled over own")
    for book in books:
        print("\n".join(compared(book, prepared, said, settings)), flush=True)


if __name__ == "__main__":
    main()
