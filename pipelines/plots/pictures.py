"""The pictures of a run, drawn from its results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from exitladder.execution import Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.execution.standing import state_frame
from exitladder.features import describe_catalogue
from exitladder.pipelines.plots.captions import (
    answers_picture,
    calibration_picture,
    dependence_picture,
    distribution_picture,
    equity_picture,
    family_picture,
    forest_picture,
    front_picture,
    importance_picture,
    ladder_picture,
    mfe_picture,
    plateau_picture,
    rung_picture,
    slices_picture,
    stability_picture,
    to_page,
    trade_picture,
)
from exitladder.pipelines.plots.data import (
    Reliability,
    cumulative_r,
    ladder_steps,
    leading_features,
    mfe_against_exit,
    reliability,
    rung_hits,
)
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.training.knowledge import family_importance
from exitladder.pipelines.training.model import Trained
from exitladder.pipelines.tuning.diagnostics import LadderDiagnostics
from exitladder.pipelines.tuning.policies import TUNED
from exitladder.pipelines.tuning.tuned import Tuned
from exitladder.plans.ladder import Ladder, Rung


def model_pictures(trained: Trained) -> list[Picture]:
    """Return calibration, feature importance (also by family) and partial dependence of a trained model."""
    found = reliability_of(trained)
    families = dict(describe_catalogue().set_index("name")["family"])
    table = trained.model.importance()
    leading = leading_features(dict(zip(table["feature"], table["exhaustion"], strict=True)), families)
    leading = leading[leading["share"] > 0]
    top = ", ".join(leading["feature"].head(3))
    pictures = [to_page(importance_picture(leading), "importance", f"Most important features: {top}.", half=True)]
    if found is not None:
        alt = (
            f"Predicted and observed frequency of exhaustion in {len(found.bins)} bins; base rate "
            f"{found.base_rate:.3f}, calibration error {found.calibration_error:.3f}."
        )
        pictures.insert(0, to_page(calibration_picture(found), "calibration", alt, half=True))
    by_family = family_importance(trained.model)
    shares = ", ".join(f"{r.family} {r.exhaustion:.0%}" for r in by_family.head(3).itertuples())
    pictures.append(
        to_page(family_picture(by_family), "families", f"Importance for exhaustion by family: {shares}.", half=True)
    )
    lines = trained.model.context.get("dependence", [])
    if lines:
        alt = f"Mean predictions along {', '.join(line['feature'] for line in lines)}."
        pictures.append(to_page(answers_picture(lines), "answers", alt))
    return pictures


def reliability_of(trained: Trained) -> Reliability | None:
    """Return the reliability of the out-of-fold predictions, None if there are none."""
    predicted = trained.outcomes.dropna()
    return reliability(predicted["outcome"], predicted["predicted"]) if len(predicted) else None


def tuned_pictures(tuned: Tuned) -> list[Picture]:
    """Return the ladder, equity, differences and distribution of a tuning."""
    net_r = tuned.net_r.set_axis(pd.to_datetime(tuned.entry_time, utc=True, unit="ns"))
    board, cut = tuned.scoreboard.table, tuned.walk.cut_time
    return [ladder_picture_of(tuned.ladder), *policy_pictures(net_r, TUNED, board=board, untouched_from=cut)]


def diagnostic_pictures(found: LadderDiagnostics) -> list[Picture]:
    """Return the diagnostics of a tuned ladder: neighbours, parameter importance, front, slices and stability."""
    leading = ", ".join(f"{row.parameter} {row.importance:.0%}" for row in found.importance.head(3).itertuples())
    pictures = [
        to_page(plateau_picture(found.plateau, found.objective), "plateau", found.text),
        to_page(
            dependence_picture(found.importance, found.fit),
            "dependence",
            f"Most important parameters: {leading or 'none'}.",
        ),
    ]
    if len(found.front):
        chosen = found.front[found.front["is_chosen"].to_numpy(bool)].iloc[0]
        names = [str(name) for name in found.front if name not in ("trial", "is_chosen")]
        values = ", ".join(f"{name} {chosen[name]:+.3f}" for name in names)
        alt = f"{len(found.front)} ladders on the Pareto front; chosen: {values}."
        pictures.append(to_page(front_picture(found.tried, found.front), "front", alt))
    alt = f"{found.objective} along each of {found.slices['parameter'].nunique()} parameters of the ladder."
    pictures.append(to_page(slices_picture(found.slices, found.objective), "slices", alt))
    alt = f"Parameters of the ladder as tuned on {len(found.stability.columns) - 2} training windows."
    pictures.append(to_page(stability_picture(found.stability), "stability", alt))
    return pictures


def ladder_picture_of(ladder: Ladder) -> Picture:
    """Return the picture of a ladder."""
    return to_page(ladder_picture(ladder, ladder_steps(ladder)), "ladder", _ladder_alt(ladder.rungs))


def policy_pictures(
    net_r: pd.DataFrame,
    emphasised: str,
    *,
    board: pd.DataFrame | None = None,
    untouched_from: pd.Timestamp | None = None,
) -> list[Picture]:
    """Return equity, differences and distribution of policies.

    Parameters
    ----------
    net_r : DataFrame
        Net R by entry time (the sorted index), one column per policy.
    emphasised : str
        The highlighted policy.
    board : DataFrame, optional
        The table of a `Scoreboard`; without it, no differences are drawn.
    untouched_from : Timestamp, optional
        Start of the out-of-sample part; the distribution covers only this part.

    Returns
    -------
    list of Picture
    """
    scored = net_r if untouched_from is None else net_r[net_r.index >= untouched_from]
    sums = ", ".join(f"{name} {scored[name].sum():+.1f}" for name in net_r)
    pictures = [
        to_page(
            equity_picture(cumulative_r(net_r), emphasised=emphasised, untouched_from=untouched_from),
            "equity",
            f"Cumulative net R on the scored trades: {sums}.",
        )
    ]
    if board is not None:
        others = board[board["policy"] != emphasised]
        differences = "; ".join(f"{r.policy} {r.difference_r:+.3f} R" for r in others.itertuples())
        alt = f"{emphasised} minus each other policy, per trade: {differences}."
        pictures.append(to_page(forest_picture(others, emphasised), "forest", alt))
    values = {str(name): scored[name].to_numpy() for name in scored}
    alt = "Cumulative distribution of net R per trade under each policy, on the scored trades."
    pictures.append(to_page(distribution_picture(values, emphasised=emphasised), "distribution", alt))
    return pictures


def trades_pictures(trades: pd.DataFrame, fills: pd.DataFrame, n_rungs: int) -> list[Picture]:
    """Return profit capture and the results of the rungs.

    Parameters
    ----------
    trades, fills : DataFrame
        With the columns of ``trades.csv`` and ``fills.csv``.
    n_rungs : int
        Number of rungs of the ladder.

    Returns
    -------
    list of Picture
    """
    capture = mfe_against_exit(trades)
    hits = rung_hits(fills, trades, n_rungs)
    return [
        to_page(
            mfe_picture(capture),
            "mfe",
            f"Best open R against net R of {len(capture.trades)} trades; capture {capture.capture:.2f}.",
            half=True,
        ),
        to_page(rung_picture(hits), "rungs", f"Hit rate and mean R of {len(hits)} kinds of exit."),
    ]


def example_pictures(simulation: Simulation, signals: Signals, among: np.ndarray, most: int = 4) -> list[Picture]:
    """Return example trades bar by bar: those with the most fills, winners and losers, of different symbols.

    Parameters
    ----------
    simulation : Simulation
    signals : Signals
        Model signals of its trades.
    among : bool array, shape (n_trades,)
        Trades to choose from.
    most : int
        Maximum number of trades.

    Returns
    -------
    list of Picture
    """
    return [one_trade(simulation, signals, i) for i in telling_trades(simulation, among, most)]


def telling_trades(simulation: Simulation, among: np.ndarray, most: int) -> list[int]:
    """Return the positions of instructive trades: many fills, winners and losers, different symbols.

    Parameters
    ----------
    simulation : Simulation
    among : bool array, shape (n_trades,)
        Trades to choose from.
    most : int
        Maximum number of trades.

    Returns
    -------
    list of int
    """
    chosen: list[int] = []
    symbols: set[str] = set()
    r = np.nan_to_num(simulation.r)
    order = np.lexsort((np.arange(len(r)), -np.abs(r), -simulation.n_fills))
    for won in (True, False, True, True):
        for i in order:
            symbol = str(simulation.placed.trades.symbol[i])
            if (
                among[i]
                and simulation.n_fills[i] > 0
                and (r[i] > 0) == won
                and symbol not in symbols
                and len(chosen) < most
            ):
                chosen.append(int(i))
                symbols.add(symbol)
                break
    return chosen


def one_trade(simulation: Simulation, signals: Signals, i: int) -> Picture:
    """Return the picture of one trade with its rungs, the path of its stop, and its fills.

    Parameters
    ----------
    simulation : Simulation
    signals : Signals
        Model signals of its trades.
    i : int
        Position of the trade.

    Returns
    -------
    Picture
    """
    placed = simulation.placed
    trade_id = str(placed.trades.trade_id[i])
    trade = simulation.trades_frame().iloc[i]
    fills = simulation.fills_frame()
    fills = fills[fills["trade_id"] == trade_id]
    figure = trade_picture(
        placed.bars[str(placed.trades.symbol[i])].to_frame(),
        trade,
        fills,
        targets=_targets(simulation.ladder.rungs, trade),
        stop_path=stop_path(simulation, signals, i),
    )
    alt = f"{trade['symbol']} {trade['side']}, entered at {trade['entry_price']:.6g}, {len(fills) - 1} exit fills."
    return to_page(figure, "trade", alt, title=f"{trade['symbol']}, {trade['side']}, {trade['r']:+.2f} R")


def stop_path(simulation: Simulation, signals: Signals, i: int) -> pd.Series:
    """Return the active stop in each bar of a trade, by the bar's timestamp.

    The trade is simulated once up to each of its bars; the engine's stop order for the next bar is the stop of
    that bar.

    Parameters
    ----------
    simulation : Simulation
    signals : Signals
        Model signals of its trades.
    i : int
        Position of the trade.

    Returns
    -------
    Series
    """
    placed = simulation.placed
    first, last = int(placed.first_bar[i]), int(simulation.exit_bar[i])
    last = int(placed.end_bar[i]) - 1 if last < 0 else last
    ends = np.arange(first + 1, last + 1)
    stamps = pd.to_datetime(placed.bars.time[first : last + 1], utc=True, unit="ns")
    initial = float(placed.trades.entry_price[i]) - int(placed.trades.side[i]) * float(simulation.risk[i])
    if not len(ends):
        return pd.Series([initial], index=stamps)
    copies = np.full(len(ends), i)
    lives = placed.take(copies)
    names = np.array([f"{k}" for k in range(len(ends))], dtype=object)
    lives = replace(lives, end_bar=ends, trades=replace(lives.trades, trade_id=names))
    state = state_frame(simulate(lives, simulation.ladder, signals.take(copies))).set_index("trade_id")["stop_price"]
    path = [initial, *(float(state.get(name, np.nan)) for name in names)]
    return pd.Series(path, index=stamps).ffill()


def _targets(rungs: tuple[Rung, ...], trade: pd.Series) -> list[tuple[int, float]]:
    """Return number and price of the rungs whose price follows from R or the entry alone."""
    side = 1 if trade["side"] == "long" else -1
    price, risk = float(trade["entry_price"]), float(trade["risk"])
    units = {"R": risk, "%": price / 100}
    return [
        (number, price + side * rung.target.value * units[rung.target.unit])
        for number, rung in enumerate(rungs, start=1)
        if rung.target is not None and rung.target.unit in units
    ]


def _ladder_alt(rungs: tuple[Rung, ...]) -> str:
    parts = [
        f"{rung.fraction:.0%} at {rung.target if rung.target is not None else ' and '.join(map(str, rung.when))}"
        for rung in rungs
    ]
    return f"The ladder sells {', '.join(parts)}." if parts else "The ladder has no rungs: only the stop exits."
