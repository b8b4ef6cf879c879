"""The verdict of a comparison in plain words, claiming no more than the evidence supports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exitladder.statistics.comparison import POWER, Comparison
from exitladder.statistics.mean import MIN_TRADES

DSR_NEEDED = 0.95
PBO_ALLOWED = 0.5
# of two exits with equal results
SAME = "have the same net R"
# Nobody makes this many trades; a larger number would suggest a precision that is not there.
OUT_OF_REACH = 1_000_000
# Of a difference near zero, any part is a meaningless multiple.
_MOST_SHARE = 2.0
# Trades entered on the same few days are a single experience of the market, however many they are.
MIN_ENTRY_DAYS = 20
# So are trades that were all open at the same time, on however many days they were entered.
MIN_SEPARATE = 10

Kind = Literal["better", "worse", "no_difference"]


@dataclass(frozen=True)
class Verdict:
    """The conclusion on a candidate against a baseline.

    Parameters
    ----------
    kind : {"better", "worse", "no_difference"}
    text : str
        One paragraph in plain words.
    without_open : {"better", "worse", "no_difference"} or None
        The conclusion without the trades that are still open; None if there are none. If it is not "better", neither
        is `kind`.
    """

    kind: Kind
    text: str
    without_open: Kind | None = None


def verdict(
    comparison: Comparison,
    candidate_name: str,
    baseline_name: str,
    *,
    dsr: float | None = None,
    pbo: float | None = None,
    p_adjusted: float | None = None,
    risk: Mapping[str, tuple[float, float]] | None = None,
) -> Verdict:
    """Return whether the candidate is better, worse or not significantly different, and why.

    "better" requires all of: the whole interval above zero and p at most 1 - confidence (adjusted for
    multiple comparisons, if given); enough separate experience of the market (see `few_episodes`); a
    deflated Sharpe ratio of at least 0.95, if given; a probability of backtest overfitting below one
    half, if given; and the same conclusion without the trades that are still open under one of the two. A value
    that is given but could not be computed (NaN) counts as failed. "worse" requires the whole interval below zero, and
    p and separate experience as above.

    Parameters
    ----------
    comparison : Comparison
    candidate_name, baseline_name : str
    dsr : float, optional
        Deflated Sharpe ratio of the candidate, if it was selected from many; see
        `exitladder.statistics.sharpe`.
    pbo : float, optional
        Probability of overfitting of the search that selected it; see
        `exitladder.statistics.overfitting`.
    p_adjusted : float, optional
        The p-value after `holm`, if several candidates are compared.
    risk : mapping of str to (float, float), optional
        Risk measures to report next to the mean, as label: (candidate, baseline). They do not affect
        the verdict.

    Returns
    -------
    Verdict
    """
    us, them = f"'{candidate_name}'", f"'{baseline_name}'"
    kind, doubts = _kind(comparison, dsr, pbo, p_adjusted)
    without = _without_open(comparison, dsr, pbo, p_adjusted)
    if kind == "better" and without not in (None, "better"):
        kind, doubts = "no_difference", ["it depends on trades that are still open"]
    still_open = _open_text(comparison, us, them, kind, without)
    if not comparison.is_known:
        return Verdict("no_difference", f"{_too_few(comparison, us, them)} {still_open}".strip(), without)
    if comparison.low == comparison.high == 0:
        text = f"{us} and {them} {SAME} on each of the {comparison.n:,} trades compared."
        return Verdict("no_difference", f"{text} {still_open}".strip(), without)
    if comparison.high < 0:
        finding = _doubtful(comparison, us, them, "below", doubts) if doubts else _worse(comparison, us, them)
    elif comparison.low > 0:
        finding = (
            _doubtful(comparison, us, them, "above", doubts) if doubts else _better(comparison, us, them, dsr, pbo)
        )
    else:
        finding = _undecided(comparison, us, them)
    sentences = [finding, _sample(comparison), still_open, _risk(risk or {}, us, them)]
    return Verdict(kind, " ".join(s for s in sentences if s), without)


def _kind(c: Comparison, dsr: float | None, pbo: float | None, p_adjusted: float | None) -> tuple[Kind, list[str]]:
    """Return the conclusion, and why an interval on one side of zero does not establish a difference."""
    if not c.is_known or c.low <= 0 <= c.high:
        return "no_difference", []
    p = c.p_value if p_adjusted is None else p_adjusted
    doubts = [] if p <= 1 - c.confidence + 1e-12 else [_weak_p(p, c, adjusted=p_adjusted is not None)]
    doubts += few_episodes(c)
    if c.low > 0:
        doubts += _search_doubts(dsr, pbo)
    if doubts:
        return "no_difference", doubts
    return ("better" if c.low > 0 else "worse"), []


def _without_open(c: Comparison, dsr: float | None, pbo: float | None, p_adjusted: float | None) -> Kind | None:
    """Return the conclusion on the trades that have ended under both; None if all have.

    An adjustment for multiple comparisons is the same factor of the p-value.
    """
    if c.open_trades is None:
        return None
    rest = c.open_trades.without
    p = None
    if p_adjusted is not None:
        p = min(1.0, rest.p_value * p_adjusted / c.p_value) if c.p_value > 0 else p_adjusted
    return _kind(rest, dsr, pbo, p)[0]


def _open_text(c: Comparison, us: str, them: str, kind: Kind, without: Kind | None) -> str:
    """Return how many trades are still open, their part in the difference, and the result without them."""
    some = c.open_trades
    if some is None:
        return ""
    are = "is" if some.n == 1 else "are"
    text = (
        f"Of the {c.n:,} trades, {some.n:,} {are} still open and valued at the last close: {some.n_candidate:,} under "
        f"{us}, {some.n_baseline:,} under {them}."
    )
    if not c.is_known or c.low == c.high == 0:
        return text
    if not math.isnan(some.share):
        shown = _digits(c.difference_r, c.low, c.high)
        part = f" ({abs(some.share):.0%})" if 0 <= some.share <= _MOST_SHARE else ""
        text += f" They contribute {some.contribution_r:+.{shown}f} R to the difference{part}."
    if not some.without.is_known:
        return f"{text} Without them, {some.without.n:,} trades remain, and at least {MIN_TRADES} are needed."
    changed = "" if without == kind else f", which alone would be '{(without or kind).replace('_', ' ')}'"
    return f"{text} Without them: {measured(some.without)}{changed}."


def open_trades(c: Comparison, found: Verdict) -> dict[str, Any] | None:
    """Return the trades still open under one of two exits, with the verdict without them; None if there are none.

    Parameters
    ----------
    c : Comparison
    found : Verdict
        Of this comparison.
    """
    if c.open_trades is None:
        return None
    return c.open_trades.to_mapping() | {"verdict_without": found.without_open}


def measured(c: Comparison) -> str:
    """Return the difference with its confidence interval in words."""
    shown = _digits(c.difference_r, c.low, c.high)
    difference, low, high = (f"{value:+.{shown}f}" for value in (c.difference_r, c.low, c.high))
    return f"{difference} R per trade ({c.confidence * 100:g}% CI [{low}, {high}])"


def _better(c: Comparison, us: str, them: str, dsr: float | None, pbo: float | None) -> str:
    text = f"{us} earned more than {them}: {measured(c)}. The whole interval is above zero."
    if dsr is not None:
        text += (
            f" A deflated Sharpe ratio of {dsr:.2f} indicates that the number of candidates tried does not explain "
            "the difference."
        )
    if pbo is not None:
        text += f" The probability of backtest overfitting is {pbo:.2f}."
    return text


def _worse(c: Comparison, us: str, them: str) -> str:
    return f"{us} earned less than {them}: {measured(c)}. The whole interval is below zero."


def _doubtful(c: Comparison, us: str, them: str, where: str, doubts: list[str]) -> str:
    return (
        f"No established difference between {us} and {them}: {measured(c)}. The interval is {where} zero, "
        f"but {' and '.join(doubts)}."
    )


def _undecided(c: Comparison, us: str, them: str) -> str:
    text = (
        f"No statistically significant difference between {us} and {them}: {measured(c)}. The interval contains zero."
    )
    if c.trades_needed and c.trades_needed > OUT_OF_REACH:
        text += (
            f" If the true difference equals the measured one, more than {OUT_OF_REACH:,} more trades are needed to "
            f"detect it ({POWER:.0%} power), which is out of reach."
        )
    elif c.trades_needed:
        text += (
            f" If the true difference equals the measured one, about {_round_up(c.trades_needed):,} more trades are "
            f"needed to detect it ({POWER:.0%} power)."
        )
    elif c.trades_needed is None:
        text += " The measured difference is too small to estimate a required sample size."
    return text


def _too_few(c: Comparison, us: str, them: str) -> str:
    some = "no trade has" if c.n == 0 else "1 trade has" if c.n == 1 else f"{c.n} trades have"
    text = (
        f"Too few trades to compare {us} and {them}: {some} a result under both, and at least {MIN_TRADES} are needed."
    )
    return text if c.n == 0 else f"{text} The mean difference of {c.difference_r:+.2f} R is not meaningful yet."


def few_episodes(c: Comparison) -> list[str]:
    """Return why these trades are too few experiences of the market for "better" or "worse"; empty if they suffice.

    They suffice if they were entered on at least `MIN_ENTRY_DAYS` days, and at least `MIN_SEPARATE` of them do not
    overlap in time; the same holds for the trades on which the two exits differ, as the others say nothing about the
    difference. A number that is not known is not required. The p-value counts resampled blocks besides.

    Parameters
    ----------
    c : Comparison
    """
    found = []
    if c.n_days is not None and c.n_days < MIN_ENTRY_DAYS:
        days = "a single day" if c.n_days == 1 else f"only {c.n_days} days"
        found.append(f"the trades were entered on {days}, and a verdict requires at least {MIN_ENTRY_DAYS}")
    if c.n_separate is not None and c.n_separate < MIN_SEPARATE:
        separate = "1 separate holding period" if c.n_separate == 1 else f"{c.n_separate} separate holding periods"
        found.append(f"the trades overlap and contain only {separate}, and a verdict requires at least {MIN_SEPARATE}")
    return found or _few_different(c)


def _few_different(c: Comparison) -> list[str]:
    """Return why the trades on which the two exits differ are too few; empty if they suffice."""
    if c.n_different is None or c.n_days_different is None:
        return []
    trades = "1 trade" if c.n_different == 1 else f"{c.n_different:,} trades"
    if c.n_days_different < MIN_ENTRY_DAYS:
        days = "a single day" if c.n_days_different == 1 else f"{c.n_days_different} days"
        return [
            f"the two differ on only {trades}, entered on {days}, and a verdict requires differences on at least "
            f"{MIN_ENTRY_DAYS} days"
        ]
    if c.n_separate_different is not None and c.n_separate_different < MIN_SEPARATE:
        return [
            f"the {trades} on which the two differ overlap, with only {c.n_separate_different} separate holding "
            f"period{'s' if c.n_separate_different > 1 else ''}, and a verdict requires at least {MIN_SEPARATE}"
        ]
    return []


def _search_doubts(dsr: float | None, pbo: float | None) -> list[str]:
    doubts = []
    if dsr is not None and not dsr >= DSR_NEEDED:
        shown = "is unknown" if math.isnan(dsr) else f"is {_down(dsr)}, below {DSR_NEEDED}"
        doubts.append(f"the deflated Sharpe ratio {shown}: the best of so many candidates can look this good by chance")
    if pbo is not None and not pbo < PBO_ALLOWED:
        shown = "is unknown" if math.isnan(pbo) else f"is {pbo:.2f}, not below {PBO_ALLOWED}"
        doubts.append(f"the probability of backtest overfitting {shown}")
    return doubts


def _weak_p(p: float, c: Comparison, *, adjusted: bool) -> str:
    limit = f"{1 - c.confidence:.3g}"
    why = "adjusted for multiple comparisons" if adjusted else "with so few independent blocks"
    return f"the p-value, {why}, {'is unknown' if math.isnan(p) else f'is {p:.3f}, above {limit}'}"


def _sample(c: Comparison) -> str:
    text = f"Based on {c.n:,} trades (effective sample size about {c.n_effective:,.0f})"
    if c.n_pairs_dropped:
        text += f"; excluded: {c.n_pairs_dropped:,} without a result under both"
    if not math.isnan(c.detectable_r) and c.detectable_r > 0:
        text += f". Smallest true difference that they detect: {c.detectable_r:.2g} R ({POWER:.0%} power)"
    return text + "."


def _risk(risk: Mapping[str, tuple[float, float]], us: str, them: str) -> str:
    if not risk:
        return ""
    pairs = [f"{label} {ours:.2f} vs {theirs:.2f}" for label, (ours, theirs) in risk.items()]
    return f"Risk, {us} vs {them}: {'; '.join(pairs)} (measured, not tested)."


def _digits(difference: float, low: float, high: float) -> int:
    """Return the digits to show: two of the interval's width, up to two more if rounding would hide a sign."""
    digits = 2 if high <= low else max(2, 1 - math.floor(math.log10(high - low)))
    most = min(8, digits + 2)
    while digits < most and any(value != 0 and round(value, digits) == 0 for value in (difference, low, high)):
        digits += 1
    return min(digits, 8)


def _down(share: float) -> str:
    return f"{math.floor(share * 100) / 100:.2f}"


def _round_up(count: int) -> int:
    """Round up to two digits; the number is an order of magnitude and should look like one."""
    step = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // step) * step
