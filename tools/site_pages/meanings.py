"""The meaning and the unit of every column that exitladder reads or writes, for the reference page on columns."""

from __future__ import annotations

import re

TIME = "time, UTC"
PRICE, QUANTITY, MONEY = "price", "quantity", "account currency"
R, BARS, COUNT, SHARE = "R", "bars", "number", "share, 0 to 1"
TEXT, YES_NO = "text", "true or false"

Meanings = dict[str, tuple[str, str]]

_TRADE: Meanings = {
    "trade_id": (TEXT, "Name of the trade, the same in all files."),
    "symbol": (TEXT, "Symbol, as in the bars."),
    "side": ("long or short", "Side of the trade."),
    "entry_time": (TIME, "Time of the entry; of several entries, the last one."),
    "entry_price": (PRICE, "Price of the entry; of several entries, their average."),
    "quantity": (QUANTITY, "Quantity entered."),
}
BROUGHT: Meanings = _TRADE | {
    "stop_price": (PRICE, "Initial stop. Blank: `stop.initial` of the ladder or `labels.initial_stop`."),
    "entry_at": ("open, close or intrabar", "When in its bar the trade was entered. Blank: found from time and price."),
    "exit_time": (TIME, "Time of your own exit; blank for an open trade."),
    "exit_price": (PRICE, "Price of your own exit; blank for an open trade."),
    "quantity_open": (QUANTITY, "Quantity that you still hold; read by `score`."),
    "tag": (TEXT, "Your own label, such as the strategy; shown on the page of orders."),
    "n_entries": (COUNT, "Entries behind the average price."),
    "multiplier": ("money per point", "Contract size, if it differs from the settings."),
    "managed_from": (TIME, "From when the ladder manages an open trade; written by `score`."),
    "working_stop": (PRICE, "Stop at the broker now, for all that you hold; 0 if there is none. Read by `score`."),
    "working_orders": (TEXT, "Orders at the broker now, such as `SELL 25 LIMIT 102; SELL 75 STOP 98`, or `none`."),
}
FILLS_BROUGHT: Meanings = {
    "trade_id": (TEXT, "Trade that the fill belongs to."),
    "fill_id": (TEXT, "Name of the fill; a fill that occurs twice counts once."),
    "time": (TIME, "Time of the execution."),
    "side": ("buy or sell", "Direction of the execution."),
    "quantity": (QUANTITY, "Quantity executed."),
    "price": (PRICE, "Price of the execution."),
    "commission": ("its currency", "Commission of the fill; positive if paid."),
    "commission_currency": (TEXT, "Currency of the commission. Blank: the account's."),
    "tag": (TEXT, "Your own label."),
}
TRADES: Meanings = _TRADE | {
    "quantity": (QUANTITY, "Quantity simulated, rounded to the lot."),
    "status": ("closed, open or skipped", "How the simulation ended."),
    "reason": (TEXT, "The order that closed the trade, or why it was skipped."),
    "risk": (PRICE, "1R: the distance from the entry to the initial stop."),
    "exit_time": (TIME, "Start of the bar of the last sale; blank for an open trade."),
    "exit_price": (PRICE, "Average price of all sales, weighted by quantity; blank for an open trade."),
    "pnl": (MONEY, "Net result, after all costs; an open rest counts at the last close."),
    "financing": (MONEY, "Interest and funding paid; negative if received."),
    "dividends": (MONEY, "Cash dividends credited; only if the bars pay any."),
    "r": (R, "Net result over the risk; of plans with adds over the planned risk."),
    "mfe_r": (R, "Maximum favourable excursion of the price while any quantity was held."),
    "mae_r": (R, "Maximum adverse excursion of the price; zero or below."),
    "impact_r": (R, "Cost of market impact, not in r (impact.law); blank if too few days precede a fill."),
    "give_back_r": (R, "MFE less the price of the exit, or of the last close if the trade is open."),
    "capture": ("share of the MFE", "Net result over the MFE; blank if the trade never was in profit."),
    "bars_held": (BARS, "Bars from the entry to the last sale, its bar not counted."),
    "n_fills": (COUNT, "Entries and sales."),
    "ambiguous_bars": (BARS, "Bars in which the order of stop and target decided the result."),
    "n_entries": (COUNT, "Entries behind the average price, if there are several."),
    "quantity_entered": (QUANTITY, "Entry and adds that filled; of plans with adds."),
    "average_entry": (PRICE, "Average price of entry and adds; of plans with adds."),
    "planned_risk": (MONEY, "Loss if the plan goes as badly as it can, without gaps and costs; of plans with adds."),
    "n_adds": (COUNT, "Adds that filled; of plans with adds."),
    "multiplier": ("money per point", "Contract size times the exchange rate at the entry; only if one is not 1."),
    "inverse": (YES_NO, "Whether the contract is coin-margined; only if one is."),
    "sample": ("in_sample, mixed or out_of_sample", "Whether the ladder was tuned on this trade."),
    "equity_before": (MONEY, "Equity booked at the entry, which the rule of sizes goes by; of plans with such a rule."),
}
FILLS: Meanings = {
    "trade_id": (TEXT, "Trade of the fill."),
    "fill": (COUNT, "Number of the fill within its trade, from 1."),
    "bar_time": (TIME, "Start of the bar of the fill."),
    "order": (TEXT, "Order that filled: entry, add, rung, stop, trail, …; `mark` values an open rest and is no sale."),
    "rung": (COUNT, "Number of the rung or add; blank for other orders."),
    "side": ("buy or sell", "Direction of the fill."),
    "quantity": (QUANTITY, "Quantity filled."),
    "price": (PRICE, "Price paid or received, slippage included."),
    "commission": (MONEY, "Commission of the fill."),
    "slippage": (MONEY, "Slippage from the market price, rounding to the tick included."),
    "financing": (MONEY, "Interest and funding since the fill before; negative if received."),
    "dividends": (MONEY, "Cash dividends since the fill before; only if the bars pay any."),
    "r": (R, "Result of the price, slippage included, before commission; of plans with adds the net share."),
}
BOOK: Meanings = {
    "time": (TIME, "Close of a bar."),
    "pnl": (MONEY, "Profit so far, open positions at the close."),
    "equity": (MONEY, "Start plus profit; infinite without a book."),
    "exposure": (MONEY, "Value of all positions, longs and shorts added."),
    "net_exposure": (MONEY, "Value of longs less that of shorts."),
    "margin_used": (MONEY, "Margin that the positions tie up."),
    "n_open": (COUNT, "Open positions."),
}
AFTER_EXIT: Meanings = {
    "trade_id": (TEXT, "Closed trade."),
    "horizon_bars": (BARS, "Bars asked for after the exit."),
    "after_bars": (BARS, "Bars that there are."),
    "is_cut": (YES_NO, "Whether the end of the data cut them short."),
    "last_fill_r": (R, "Price of the last fill, slippage included."),
    "after_best_r": (R, "Best price of these bars, from the entry."),
    "after_worst_r": (R, "Worst price of these bars, from the entry."),
    "after_close_r": (R, "Last close of these bars, from the entry."),
    "next_rung": (COUNT, "Nearest limit rung that had not filled at the exit."),
    "next_rung_r": (R, "Its price."),
    "is_first_target": (YES_NO, "Whether no rung had filled before it."),
    "bars_to_next_rung": (BARS, "Bar that reached this rung; blank if none did."),
    "bars_to_stop": (BARS, "Bar that reached the initial stop; 0 if the trade itself had, blank if none did."),
}
EXITS: Meanings = {
    "policy": (TEXT, "Exit that the row belongs to."),
    **{name: _TRADE[name] for name in ("trade_id", "symbol", "side", "entry_time")},
    "percent_per_r": ("% of the entry price", "1R."),
    "money_per_r": (MONEY, "1R of the whole position."),
    "n_exits": (COUNT, "Sales of the trade."),
    "mfe_time": (TIME, "Start of the bar that reached the MFE."),
    "mae_time": (TIME, "Start of the bar that reached the MAE."),
    "net_r": (R, "Net result."),
    "mfe_r": (R, "Maximum favourable excursion of the price."),
    "mae_r": (R, "Maximum adverse excursion of the price."),
    "hindsight_give_back_r": (R, "MFE less the exits made."),
    "position_mfe_r": (R, "Best profit of the position: exits made at their prices, the rest at the market."),
    "position_mae_r": (R, "Worst profit of the position."),
    "hindsight_entry_efficiency": (SHARE, "(best − entry) / (best − worst), prices while held."),
    "hindsight_exit_efficiency": (SHARE, "(exit − worst) / (best − worst)."),
    "hindsight_total_efficiency": ("share, −1 to 1", "(exit − entry) / (best − worst)."),
    "hindsight_best_exit_r": (R, "Result with only the last exit moved to its best price."),
    "hindsight_best_exit_gain_r": (R, "This less the exits made."),
    "hindsight_best_exit_efficiency": ("share", "The exits made over this."),
    "target_r": (R, "First target, which `updraw` is measured against."),
    "updraw": ("share of the way", "MFE on the way to the target."),
    "drawdown": ("share of the way", "MAE on the way to the initial stop."),
    "set_and_forget_r": (R, "Net result of the initial stop and one target, never touched."),
    "managing_r": (R, "Net result less this."),
    "exit_r": (R, "Price of all exits, weighted by quantity, before commission."),
    "first_exit_r": (R, "Price of the first exit."),
    "last_exit_r": (R, "Price of the last exit."),
    "scaling_r": (R, "Exits made less everything at the last one; only with several exits."),
    "scaling_vs_first_r": (R, "Exits made less everything at the first one."),
    "first_entry_time": (
        TIME,
        "First of several entries; this and the next ones are of positions with several entries.",
    ),
    "n_entries": (COUNT, "Entries of the position."),
    "quantity_entered": (QUANTITY, "Sum of all entries."),
    "average_entry": (PRICE, "Average price of all entries."),
    "largest_quantity": (QUANTITY, "Largest quantity held."),
    "mean_quantity": (QUANTITY, "Mean quantity held, over the time from the first fill to the last."),
    "planned_risk": (MONEY, "Largest loss after any fill, had the stop closed the whole position."),
    "pnl_as_built": (MONEY, "Profit of all fills at their own prices, less commission."),
    "r_as_built": (R, "This over the planned risk."),
}
FOLDS: Meanings = {
    "fold": (COUNT, "Test part, from 1."),
    "test_from": (TIME, "Start of the part; its ladder was tuned on trades that had ended by then."),
    "n_training": (COUNT, "Trades that the ladder was tuned on."),
    "n_purged": (COUNT, "Trades left out because they were still open at the start."),
    "n_test": (COUNT, "Trades of the part."),
    "ladder_text": (TEXT, "The tuned ladder in words."),
    "baseline": (TEXT, "Exit that it is compared with."),
    "tuned_r": ("R per trade", "Mean net result of the tuned ladder on the part."),
    "baseline_r": ("R per trade", "Mean net result of the baseline on the part."),
    "difference_r": ("R per trade", "The first less the second."),
}
NET_R: Meanings = {
    "trade_id": _TRADE["trade_id"],
    "entry_time": _TRADE["entry_time"],
    "part": ("training, purged or test", "Part of the walk-forward; only `test` is scored."),
    "fold": (COUNT, "Test part, from 1; 0 outside."),
}
IMPORTANCE: Meanings = {
    "parameter": (TEXT, "Parameter of the search."),
    "importance": (SHARE, "Share of the differences between candidates that it explains."),
}
SLICES: Meanings = {
    "parameter": (TEXT, "Parameter of the search."),
    "value": ("its unit", "Value of the parameter, all others as tuned."),
    "objective": ("objective", "Value of the objective."),
    "behind": ("objective", "How much worse this is than the tuned ladder."),
    "standard_error": ("objective", "Standard error of that difference."),
    "is_tuned": (YES_NO, "Whether this is the tuned ladder."),
}
NEIGHBOURS: Meanings = {"behind": ("objective", "How much worse a ladder next to the tuned one is.")}
STABILITY: Meanings = {
    "parameter": (TEXT, "Parameter of the search."),
    "final": ("its unit", "Value in the final ladder."),
    "agreement": (SHARE, "From 0, as far apart as at random, to 1, the same in all parts."),
}
FRONT: Meanings = {
    "trial": (COUNT, "Row in `trials.csv`."),
    "is_chosen": (YES_NO, "Whether this is the tuned ladder."),
}
OBJECTIVES: Meanings = {"is_feasible": (YES_NO, "Whether the ladder keeps the constraints.")}
TRIALS: Meanings = {
    "trial": (COUNT, "Number of the candidate, in the order tried; blank for your own exits."),
    "source": (TEXT, "Where it came from: `search`, `warm_start` or `own_exits`."),
    "pruned_after": (COUNT, "Blocks of trades after which it was given up; 0 if it was not. With pruning only."),
    "ladder": (TEXT, "The candidate in words."),
}
POLICIES: Meanings = {
    "policy": (TEXT, "Exit."),
    "n_trades": (COUNT, "Trades with a result."),
    "expectancy_r": ("R per trade", "Mean net result."),
    "win_rate": (SHARE, "Trades with a net gain."),
    "sd_r": (R, "Standard deviation of the net result."),
    "max_drawdown_r": (R, "Maximum drawdown of the net result of whole trades, in order of entries; zero or below."),
    "cvar_r": (R, "Mean of the worst 5% of trades."),
    "difference_r": ("R per trade", "The tuned ladder less this exit, paired by trade."),
    "low": ("R per trade", "Lower bound of the confidence interval of the difference."),
    "high": ("R per trade", "Upper bound of the confidence interval."),
    "p_value": ("probability", "Two-sided p-value against no difference."),
    "p_adjusted": ("probability", "The same, adjusted for the number of comparisons (Holm)."),
}
CALIBRATION: Meanings = {
    "by": (TEXT, "Grouping: all, side, symbol or year."),
    "group": (TEXT, "Group within it; groups of few trades form `others`."),
    "n_trades": (COUNT, "Trades."),
    "n_rows": (COUNT, "Bars of trades."),
    "base_rate": (SHARE, "How often exhaustion occurred."),
    "predicted": (SHARE, "Mean predicted probability."),
    "auc": ("0 to 1", "Area under the ROC curve; 0.5 is no skill."),
    **{
        f"{name}{end}": (unit, text + bound)
        for name, unit, text in (
            ("log_loss", "nats", "Log loss; lower is better"),
            ("brier", "0 to 1", "Brier score; lower is better"),
            ("calibration_error", SHARE, "Mean distance between predicted and observed frequency"),
        )
        for end, bound in (("", "."), ("_low", ": lower bound."), ("_high", ": upper bound."))
    },
}
DRIFT: Meanings = {
    "name": (TEXT, "Feature or prediction."),
    "n_values": (COUNT, "Values in the last bars."),
    "n_symbols": (COUNT, "Symbols among them."),
    "psi": ("number", "Population stability index; above 0.25 is large."),
    "percentile": ("0 to 100", "Where the mean of the last bars is in the training distribution."),
    "not_known": (SHARE, "Missing values in the last bars."),
    "not_known_in_training": (SHARE, "Missing values in training."),
    "p_rank": ("probability", "Test of the ranks."),
    "p_shares": ("probability", "Test of the shares by bin."),
    "p_adjusted": ("probability", "The lesser of both, adjusted for all quantities and both tests."),
    "has_moved": (YES_NO, "Whether it counts as drift."),
}
FILES: dict[str, Meanings] = {
    "trades.csv": TRADES, "fills.csv": FILLS, "book.csv": BOOK, "after_exit.csv": AFTER_EXIT, "exit_quality.csv": EXITS,
    "folds.csv": FOLDS, "net_r.csv": NET_R, "trials.csv": TRIALS, "importance.csv": IMPORTANCE, "slices.csv": SLICES,
    "neighbours.csv": NEIGHBOURS, "stability.csv": STABILITY, "front.csv": FRONT, "objectives.csv": OBJECTIVES,
    "policies.csv": POLICIES, "calibration_by_group.csv": CALIBRATION, "drift.csv": DRIFT,
    "entries.csv": BROUGHT,
}  # fmt: skip
"""By file, the columns that have a meaning of their own."""
PATTERNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "net_r.csv": ((r".+", R, "Net result of the trade under the exit of that name."),),
    "stability.csv": ((r"\d{4}-\d\d-\d\d", "its unit", "Value in the ladder of the part that begins on that day."),),
    **dict.fromkeys(
        ("front.csv", "objectives.csv"),
        ((r".+", "its unit", "Objective or constraint of that name (`tuning.objectives`, `tuning.constraints`)."),),
    ),
    "trials.csv": ((r".+", "its unit", "Objective, constraint or parameter of the candidate of that name."),),
    "exit_quality.csv": (
        (r"hindsight_(first|last)_exit_.+_r", R, "Everything sold that much later, less the exits made."),
    ),
}
"""Columns named after exits, parts or settings: a pattern, the unit and the meaning."""


def meaning(file: str, column: str) -> tuple[str, str] | None:
    """Return unit and meaning of a column of a file, None if there is none.

    Examples
    --------
    >>> meaning("fills.csv", "bar_time")
    ('time, UTC', 'Start of the bar of the fill.')
    """
    others = ("exit_quality.csv",) if file == "trades.csv" else ()
    for name in (file, *others):
        if column in FILES[name]:
            return FILES[name][column]
        for pattern, unit, text in PATTERNS.get(name, ()):
            if re.fullmatch(pattern, column):
                return unit, text
    return None
