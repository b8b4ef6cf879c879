"""``exitladder compare``: runs, ladders and own exits paired by trade, and models paired by prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exitladder.bars.bars import BarSet
from exitladder.errors import TradesError
from exitladder.pipelines.comparison.models import compare_models, is_model
from exitladder.pipelines.comparison.options import check_all_options, is_options_source, options_source
from exitladder.pipelines.comparison.runs import compare_sources
from exitladder.pipelines.comparison.sources import Source, is_ladder, saved_source, simulated_source
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


def compare(
    sources: Sequence[str],
    settings: Settings,
    progress: Progress = SILENT,
    *,
    bars: BarSet | None = None,
    trades: Trades | None = None,
    allows_differences: bool = False,
) -> dict[str, Any]:
    """Compare every later source with the first, paired by trade.

    Only trades that are out of sample for both count: a ladder is not compared on the trades it was tuned on.

    Parameters
    ----------
    sources : sequence of str
        Run ids, folders of ``exitladder backtest`` or ``tune``, ``trades.csv`` files; or folders and run ids of
        ``exitladder options backtest`` alone; with `bars` and `trades` also
        ladder files and ``own`` (the exits of the trades file). Or models: references, folders or runs of ``train``.
    settings : Settings
    progress : Progress
    bars : BarSet, optional
        Needed for ladders, own exits and models; of runs, they give the volatility regimes.
    trades : Trades, optional
    allows_differences : bool
        Compare although costs, bars, account, entry prices or risk differ; the verdict names what does.

    Returns
    -------
    dict
        Of models see `exitladder.pipelines.comparison.models.compare_models`. Else ``baseline``, ``sources`` (sample,
        metrics, time and capital of each) and ``pairs``: difference_r (later minus first), interval, p_value,
        p_adjusted (Holm), detectable_r (minimum detectable difference), verdict, verdict_text, n_trades, n_not_shared
        (trades of only one of them), sample, n_in_sample, n_mixed, n_out_of_sample, difference_seen_r (the difference
        on the other trades, which is no evidence), open_trades, terms_differ; ``measures`` (candidate, baseline,
        difference, low, high, p_value, p_adjusted and detectable of each measure, by calendar days), ``account``
        (the same entries in one account with limited capital), ``book`` (of two books: the difference of their accounts
        and when their limits acted), ``by`` (the difference by symbol, side, year and
        volatility) and ``decisive`` (the trades that made it). ``account_limits`` and ``stepwise`` (the later sources
        that the test of Romano and Wolf finds better than the first) hold for all. Without a trade out of sample,
        there is no verdict, and verdict_text names the command that gives one.

    Raises
    ------
    TradesError
        If fewer than two sources are given, a pair shares no trade, an id stands for two trades, options are compared
        with shares, or more than the exits differs.
    """
    if len(sources) < 2:
        raise TradesError(f"A comparison needs at least two runs, but only {len(sources)} is given.")
    names = list(dict.fromkeys(sources))
    if len(names) < 2:
        raise TradesError(f"A comparison needs two different runs, but '{sources[0]}' is given twice.")
    tracker = Tracker.from_settings(settings)
    data = None if bars is None or trades is None else (bars, trades)
    models = [name for name in names if is_model(name, tracker)]
    if models and len(models) < len(names):
        other = next(name for name in names if name not in models)
        raise TradesError(
            f"Models are compared with models, and exits with exits, but '{models[0]}' is a model and '{other}' is "
            "not. To compare what a model is worth, compare backtests of a ladder with and without it."
        )
    if data is None:
        wanting = next((name for name in names if name in models or is_ladder(name)), None)
        if wanting is not None:
            raise TradesError(
                f"Ladders, own exits and models are compared on bars and trades, but none are given with '{wanting}'. "
                "Name them: --bars PATH --trades FILE."
            )
    if models:
        assert data is not None
        return compare_models(names, data, settings, progress)
    options = [name for name in names if is_options_source(name, tracker)]
    check_all_options(names, options)
    found: list[Source] = []
    with progress.stage("reading runs", len(names)) as advance:
        for name in names:
            if options:
                found.append(options_source(name, tracker))
            elif is_ladder(name):
                found.append(simulated_source(name, data, settings, progress))
            else:
                found.append(saved_source(name, tracker))
            advance(1)
    more: dict[str, Any] = {"allows_differences": allows_differences, "of_options": bool(options)}
    return compare_sources(found, settings, bars=bars, progress=progress, **more)
