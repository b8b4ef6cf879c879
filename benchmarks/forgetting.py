"""Stages that forget, against stages that do not: by their out-of-fold error, and by what their exits earn.

Every way of ``model.forget`` is trained on the same rows: off, window, decay, and each stage's own choice among the
three. The gain is how much smaller the out-of-fold loss is than without forgetting, on the same rows, with its standard
error by blocks of days: log loss of ``exhaustion`` in thousandths, squared error of ``hold_value_r`` in thousandths of
its variance. On planted markets the model's own exit is also executed on fresh trades; the share is the part of the
distance from the best trailing stop to the best possible exit that it covers. In the kind ``reversal`` the law turns
round after a third of all trades: with 1,000 to train and 500 to test, half way through the training. In the market
``rows``, which has features and labels but no prices, it turns round half way.

Run ``python benchmarks/forgetting.py [KIND or MARKET ...] [--train 1000] [--test 500] [--seeds 3] [--data FOLDER]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from planted_kinds import KINDS, as_book
from planted_market import add_options, settings_of
from planted_world import STOP
from real_markets import DATA, MARKETS

from exitladder.models.exhaustion import SERIES
from exitladder.models.exhaustion.forgetting import WAYS, Ways
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.stacking import gain_over
from exitladder.models.exhaustion.training import Training, stage_spans
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.training.model import training_rows
from exitladder.pipelines.training.value import net_r_of
from exitladder.pipelines.tuning.model_policy import tune_model_policy
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.entries import make_trades

CHOSEN = "chosen"
HOUR = 3_600 * 10**9
# Of the market without prices: rows whose first of four features tells the labels, and later the opposite.
ROWS, TRADES, BARS_A_TRADE, SKILL = "rows", 900, 10, 1.0


def turned_rows(seed: int) -> TrainingRows:
    """Return rows of trades one after another, whose law turns round half way: features and labels without prices."""
    rng = np.random.default_rng(seed)
    n = TRADES * BARS_A_TRADE
    trade = np.repeat(np.arange(TRADES), BARS_A_TRADE)
    time_ns = (trade * BARS_A_TRADE + np.tile(np.arange(BARS_A_TRADE), TRADES)) * HOUR
    X = rng.standard_normal((n, 4)).astype(np.float32)
    law = SKILL * X[:, 0] * np.where(trade < TRADES // 2, 1, -1)
    return TrainingRows(
        X=X,
        names=tuple(f"feature_{k}" for k in range(4)),
        trade=trade,
        time_ns=time_ns,
        race=(rng.random(n) < 1 / (1 + np.exp(-law))).astype(np.float64),
        race_end_ns=time_ns + rng.integers(1, 9, n) * HOUR,
        hold=-0.3 * law + rng.standard_normal(n),
        hold_end_ns=time_ns + rng.integers(1, 9, n) * HOUR,
        reachable=np.ones(n, dtype=bool),
    )


def ways_of(rows: TrainingRows, settings: Settings) -> Ways:
    """Return the stages of a model, trained in every way."""
    ways = Ways(lambda way: Training(rows, settings.model, 0, 0, settings.project.threads, way=way), WAYS)
    spans = stage_spans(rows, settings.validation.n_folds)
    ways.predict_for_first_calibration(spans[0].train)
    for span in spans:
        ways.add_stage(span.train, span.valid_from_ns)
    return ways


def gains(ways: Ways) -> dict[str, list[tuple[float, float]]]:
    """Return the gain of each way over none, by series, in thousandths, with its standard error."""
    trained = {**ways.trainings, CHOSEN: ways.merged()}
    base, found = trained["off"], {}
    rows = base.rows
    for way, training in trained.items():
        found[way] = []
        for series, objective in zip(SERIES, ("binary", "regression"), strict=True):
            known, label = base.known_by(series, np.iinfo(np.int64).max)
            said, than = (each.said(series, known, as_spoken=True)[0] for each in (training, base))
            gain = gain_over(said, than, label[known], rows.time_ns[known], rows.over_ns[known], objective)
            scale = 1e3 if objective == "binary" else 1e3 / label[known].var()
            found[way].append((scale * gain.mean, scale * gain.error))
    return found


def shares(ways: Ways, known: Prepared, fresh: Prepared, oracle: float, settings: Settings) -> dict[str, float]:
    """Return the share that the model's own exit of each way covers on fresh trades."""
    found = {}
    for way, training in {**ways.trainings, CHOSEN: ways.merged()}.items():
        model = ExhaustionModel(training.rows.names, tuple(training.stages), settings.model, *training.measures())
        policy = tune_model_policy(known, predict_rows(known, model), settings)
        net_r = net_r_of(
            fresh, predict_rows(fresh, model), np.arange(len(fresh.placed)), [policy.trail, policy.by_model]
        )
        trail, by_model = (float(np.nanmean(net_r[each])) * STOP for each in (TRAILING_STOP, MODEL_OR_TRAIL))
        found[way] = (by_model - trail) / (oracle - trail)
    return found


def lines(name: str, ways: Ways, found: dict[str, float] | None = None) -> str:
    """Return a line for each way."""
    text = []
    for way, by_series in gains(ways).items():
        of_race, of_hold = (f"{mean:+7.2f} ± {error:5.2f}" for mean, error in by_series)
        taken = "+".join(",".join(w[0] for w in ways.taken[series]) for series in SERIES) if way == CHOSEN else ""
        text.append(
            f"{name:<14}{way:<8}{of_race:>17}{of_hold:>17}  {'' if found is None else f'{found[way]:5.2f}'}  {taken}"
        )
    return "\n".join(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each draw or market and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("markets", nargs="*", default=["reversal"], help=f"of {', '.join([ROWS, *KINDS, *MARKETS])}")
    add_options(parser, train=1_000, test=500, seeds=3)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real market data")
    args = parser.parse_args(arguments)
    settings = settings_of(args.set, threads=args.threads)
    plain = load_settings(None, [f"project.threads={args.threads}", *args.set])
    print("market        way     log loss, 1/1000   error of hold  share  taken by stage (o, w, d)")
    for kind in args.markets:
        if kind == ROWS:
            for seed in range(args.first_seed, args.first_seed + args.seeds):
                print(lines(f"{kind} {seed}", ways_of(turned_rows(seed), plain)), flush=True)
            continue
        if kind in MARKETS:
            bars = MARKETS[kind](args.data)
            prepared = prepare(bars, make_trades(bars, "donchian", lot=0.0), plain)
            print(lines(kind, ways_of(training_rows(prepared, plain), plain)), flush=True)
            continue
        n = args.train + args.test
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            market = KINDS[kind](n, seed)
            every = prepare(*as_book(market), settings)
            known, fresh = every.take(np.arange(n) < args.train), every.take(np.arange(n) >= args.train)
            ways = ways_of(training_rows(known, settings), settings)
            found = shares(ways, known, fresh, float(market.oracle[args.train :].mean()), settings)
            print(lines(f"{kind} {seed}", ways, found), flush=True)


if __name__ == "__main__":
    main()
