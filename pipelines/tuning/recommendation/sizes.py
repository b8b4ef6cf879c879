"""Size rules tuned on results that were out of sample for the exits, against constant size on the same trades."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import LadderError, SettingsError
from exitladder.measures.sizing.resamples import log_growth, resampling_of
from exitladder.pipelines.tuning.recommendation.size_shares import (
    TUNABLE,
    VOLATILITY,
    Results,
    is_tunable,
    shares_of,
)
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import Book
from exitladder.plans.size import Size, size_in_words
from exitladder.settings.tables import Settings
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import MIN_TRADES

# With fewer results from before a part, its trades keep constant size.
LEAST = 30
_STEPS = 6  # fractions between the two ends, each the same multiple of the one before


def refuse_size(settings: Settings, own_ladder: Ladder | None) -> None:
    """Refuse a size rule that a tuning cannot compare, and sizes without the starting money.

    Parameters
    ----------
    settings : Settings
    own_ladder : Ladder or None

    Raises
    ------
    LadderError
    SettingsError
    """
    if own_ladder is not None:
        why = why_not_compared(own_ladder, settings)
        why = why or (_fixed_adds(own_ladder) if _searched(settings) else "")
        if why:
            raise LadderError(why)
    for name in ("size_fraction", "size_volatility"):
        ends = getattr(settings.tuning, name)
        if len(ends) != 2 or not ends[0] <= ends[1] <= 1:
            raise SettingsError(
                f"tuning.{name} must be two shares of equity, the smaller one first and at most 1, but is {list(ends)}."
            )
    if _searched(settings) and _equity(settings, own_ladder) is None:
        raise SettingsError(
            "tuning.sizes needs the money in the account before the first trade, but there is none. Set "
            "tuning.size_equity=100000, for example, or give a plan with equity in [book]."
        )


def why_not_compared(ladder: Ladder, settings: Settings) -> str:
    """Return why a tuning cannot compare the size rule of a plan, empty if it can or if there is none.

    Parameters
    ----------
    ladder : Ladder
    settings : Settings

    Returns
    -------
    str
        Rule, value and cure.
    """
    size, name = ladder.size, ladder.name
    if not size.is_sized:
        return ""
    cure = "Leave it out, and size the tuned ladder with `exitladder backtest`."
    if not is_tunable(size):
        of = 'rule = "file" with maximum_equity' if size.rule == "file" else f'rule = "{size.rule}"'
        return (
            f"tune compares rules that risk a share of equity ({', '.join(TUNABLE)}) with constant size, but [size] of "
            f"'{name}' has {of}{' in units' if size.units is not None else ''}, whose quantities do not follow the "
            f"equity. {cure}"
        )
    adds = bool(ladder.adds) or set(settings.search.adds) - {"off"}
    if adds and size.maximum_equity is not None:
        return (
            f"size.maximum_equity of '{name}' cuts adds to the equity at each entry, and tune executes trades without "
            f"an account. {cure}"
        )
    return _fixed_adds(ladder)


def _fixed_adds(ladder: Ladder) -> str:
    if all(add.quantity is not None for add in ladder.adds):
        return ""
    return (
        f"Adds of '{ladder.name}' in units or money make r depend on the first quantity, which tune takes from the "
        "trades and not from a size rule. State quantity, a multiple of the first one, in [[adds]], or leave out "
        "[size] and tuning.sizes."
    )


def _searched(settings: Settings) -> tuple[str, ...]:
    return tuple(rule for rule in settings.tuning.sizes if rule != "off")


def _equity(settings: Settings, own_ladder: Ladder | None) -> float | None:
    if own_ladder is not None and own_ladder.book.equity is not None:
        return own_ladder.book.equity
    return settings.tuning.size_equity or None


def size_candidates(settings: Settings, own_ladder: Ladder | None) -> list[Size]:
    """Return the size rules that are compared: those of ``tuning.sizes``, and that of the user's plan.

    Parameters
    ----------
    settings : Settings
    own_ladder : Ladder or None

    Returns
    -------
    list of Size
        Six fractions between the ends of ``tuning.size_fraction``, and as many targets between those of
        ``tuning.size_volatility``; anti-martingale doubles up to 2 or 4 times; half Kelly with at most 4 times the
        fraction.
    """
    found: list[Size] = []
    for fraction in _steps_between(settings.tuning.size_fraction):
        for rule in [rule for rule in _searched(settings) if rule != VOLATILITY]:
            if rule == "fraction":
                found.append(Size(rule="fraction", fraction=fraction))
            elif rule == "kelly":
                found.append(Size(rule="kelly", fraction=fraction, kelly_cap=min(4 * fraction, 1.0)))
            else:
                found += [
                    Size(rule="anti_martingale", fraction=fraction, factor=2.0, maximum_factor=most)
                    for most in (2.0, 4.0)
                ]
    if VOLATILITY in _searched(settings):
        targets = _steps_between(settings.tuning.size_volatility)
        found += [Size(rule=VOLATILITY, target_volatility=target) for target in targets]
    if own_ladder is not None and own_ladder.size.is_sized:
        mine = replace(own_ladder.size, maximum=None, maximum_units=None, maximum_money=None)
        found = [mine, *(size for size in found if size != mine)]
    return found


def _steps_between(ends: Sequence[float]) -> list[float]:
    low, high = ends
    return sorted({float(value) for value in np.round(np.geomspace(low, high, _STEPS), 6)})


@dataclass(frozen=True)
class Account:
    """How an account with these shares ends, and its resamples, shape (n_resamples, 3): see `replay`."""

    end: FloatArray
    resampled: FloatArray | None
    n: int

    @property
    def growth(self) -> float:
        """Mean logarithm of growth per trade; minus infinity if all was lost."""
        return float(log_growth(self.end, max(self.n, 1))[0])

    @property
    def ruin(self) -> float:
        """The risk of ruin; NaN with too few trades."""
        return math.nan if self.resampled is None else float(self.resampled[:, 2].mean())


def account_of(results: Results, shares: FloatArray, ruin: float, intervals: Intervals, *, constant: bool) -> Account:
    """Return the account of trades that risk these shares of equity, or of the starting equity if constant.

    Parameters
    ----------
    results : Results
    shares : float64 array, shape (n_trades,)
    ruin : float
        Share of the starting equity whose loss counts as ruin.
    intervals : Intervals
    constant : bool

    Returns
    -------
    Account
    """
    from exitladder.measures.sizing.replay import MONEY, SHARE, Lived, Rule, replay

    n = len(results.r)
    lived = Lived(np.arange(n + 1), results.entry, results.close, results.r, shares)
    rule, level = Rule(MONEY if constant else SHARE), 1.0 - ruin
    end = replay(np.arange(n)[None, :], lived, rule, level)
    plan = resampling_of(results.r, results.entry, results.close, intervals)
    if plan is None:
        return Account(end, None, n)
    lived = lived._replace(edges=np.searchsorted(plan.unit, np.arange(plan.n_units + 1)))
    return Account(end, np.concatenate([replay(draws, lived, rule, level) for draws in plan.draws()]), n)


def best_size(candidates: Sequence[Size], results: Results, settings: Settings) -> Size | None:
    """Return the rule that grew fastest on these trades within the bound on the risk of ruin; None without one.

    Parameters
    ----------
    candidates : sequence of Size
    results : Results
    settings : Settings

    Returns
    -------
    Size or None
        None too if none grew, or with too few trades.
    """
    if len(results.r) < max(LEAST, MIN_TRADES):
        return None
    best: Size | None = None
    most = 0.0
    for size in candidates:
        found = account_of(results, shares_of(size, results), size.ruin, settings.intervals, constant=False)
        if found.ruin <= settings.tuning.size_ruin and found.growth > most:
            best, most = size, found.growth
    return best


@dataclass(frozen=True)
class TunedSize:
    """The size to use from now on, and the out-of-sample result of choosing sizes in this way.

    Parameters
    ----------
    recommended : Size or None
        Without evidence for another one, the user's own rule; None without one: the quantities of the trades.
    book : Book
        With the starting money.
    parts : tuple of str
        The rule chosen before each part, in words; "constant" without one.
    facts : dict
        Plain values: growth per trade of the chosen rules and of constant size, their difference with its interval,
        and both risks of ruin.
    text : str
        The recommendation in a sentence.
    """

    recommended: Size | None
    book: Book
    parts: tuple[str, ...]
    facts: dict[str, Any]
    text: str

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder tune`` prints under ``sizes``."""
        rule = None if self.recommended is None else size_in_words(self.recommended)
        return {"recommended": rule, "parts": list(self.parts), **self.facts, "text": self.text}

    def sized(self, ladder: Ladder) -> Ladder:
        """Return the recommended exit with the recommended size; as it is without one."""
        if self.recommended is None:
            return ladder
        names = ("maximum", "maximum_units", "maximum_money") if self.recommended.maximum_equity is None else ()
        limits = {name: getattr(ladder.size, name) for name in names}
        return replace(ladder, size=replace(self.recommended, **limits), book=self.book)


def tuned_size(
    results: Results, part_of: IntArray, cuts: Sequence[int], settings: Settings, own_ladder: Ladder | None
) -> TunedSize | None:
    """Tune the size walk-forward on results that are out of sample for the exits; None if no rule is asked for.

    Before each part the rule is chosen on the trades of earlier parts that had closed by then, and the parts' trades
    are sized by it. The trades of the first part, and of parts without enough results before them, are in no
    comparison.

    Parameters
    ----------
    results : Results
        In order of entry.
    part_of : int64 array, shape (n_trades,)
        The part of each trade, from 0.
    cuts : sequence of int
        When each part begins, nanoseconds since 1970 UTC.
    settings : Settings
    own_ladder : Ladder or None

    Returns
    -------
    TunedSize or None
    """
    candidates = size_candidates(settings, own_ladder)
    if not candidates:
        return None
    equity = _equity(settings, own_ladder)
    chosen = [best_size(candidates, results.take(results.close <= cut), settings) for cut in cuts]
    shares = np.full(len(results.r), np.nan)
    for k, size in enumerate(chosen):
        if size is not None:
            shares[part_of == k] = shares_of(size, results)[part_of == k]
    used = np.isfinite(shares)
    words = tuple("constant" if size is None else size_in_words(size) for size in chosen)
    final = best_size(candidates, results, settings)
    facts, is_better = _against_constant(results.take(used), shares[used], candidates[0].ruin, settings)
    facts |= {"n_candidates": len(candidates), "final": None if final is None else size_in_words(final)}
    recommended = final if is_better else None
    text = _sentence(recommended, final, facts, settings.tuning.size_ruin)
    if recommended is None and own_ladder is not None and own_ladder.size.is_sized:
        recommended = candidates[0]
        shares = shares_of(recommended, results)
        ruin = account_of(results, shares, recommended.ruin, settings.intervals, constant=False).ruin
        facts["own_risk_of_ruin"] = ruin
        text = text.replace("Keep constant size", f"Keep your size rule ({size_in_words(recommended)})", 1)
        text = f"{text} The risk of ruin of your rule on all {len(results.r):,} scored trades is {ruin:.1%}."
    return TunedSize(recommended, Book(equity=equity), words, facts, text)


def _against_constant(
    results: Results, shares: FloatArray, ruin: float, settings: Settings
) -> tuple[dict[str, Any], bool]:
    """Return the chosen sizes beside constant size on the same trades, and whether they grew significantly faster."""
    n = len(shares)
    facts: dict[str, Any] = {"n_trades": n}
    plan = resampling_of(results.r, results.entry, results.close, settings.intervals) if n else None
    if plan is None:
        return facts, False
    same = np.full(n, shares.mean())
    ours, theirs = (
        account_of(results, some, ruin, settings.intervals, constant=some is same) for some in (shares, same)
    )
    assert ours.resampled is not None and theirs.resampled is not None
    with np.errstate(invalid="ignore"):
        apart = log_growth(ours.resampled, n) - log_growth(theirs.resampled, n)
        gain = ours.growth - theirs.growth
    low, high = plan.interval(gain, apart)
    facts |= {
        "mean_share": float(shares.mean()),
        "growth_per_trade": _plain(ours.growth),
        "constant_growth_per_trade": _plain(theirs.growth),
        "difference": _plain(gain),
        "interval": [_plain(low), _plain(high)],
        "risk_of_ruin": ours.ruin,
        "constant_risk_of_ruin": theirs.ruin,
    }
    return facts, bool(low > 0) and ours.ruin <= settings.tuning.size_ruin


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _sentence(recommended: Size | None, final: Size | None, facts: dict[str, Any], bound: float) -> str:
    if "difference" not in facts:
        why = (
            "no size rule grew within the bound on the risk of ruin"
            if final is None
            else f"too few results before the parts to compare sizes ({facts['n_trades']:,} trades)"
        )
        return f"Keep constant size: {why}."
    if facts["mean_share"] == 0:
        return (
            f"Keep constant size: the rules chosen before each part skipped all of the {facts['n_trades']:,} trades "
            "that they sized."
        )
    if facts["difference"] is None:
        return f"Keep constant size: an account lost everything on {facts['n_trades']:,} trades."
    low, high = facts["interval"]
    ends = f"[{_percent(low)}, {_percent(high)}]"
    measured = (
        f"{_percent(facts['difference'])} of growth per trade (CI {ends}) on {facts['n_trades']:,} trades, risk of "
        f"ruin {facts['risk_of_ruin']:.1%} against {facts['constant_risk_of_ruin']:.1%}"
    )
    chosen = "the rules chosen before each part"
    if recommended is not None:
        return f"Size by {size_in_words(recommended)}: {chosen} grew faster than constant size, {measured}."
    if facts["risk_of_ruin"] > bound:
        return f"Keep constant size: {chosen} came to more than {bound:.1%} risk of ruin, {measured}."
    return f"Keep constant size: {chosen} did not grow significantly faster, {measured}."


def _percent(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:+.3%}"
