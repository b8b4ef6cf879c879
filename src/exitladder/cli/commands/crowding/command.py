"""``exitladder crowding``: the fall that many stops at one level cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exitladder.cli.inputs import load_bars, path_option, reading_options
from exitladder.cli.screen import width_of
from exitladder.cli.session import Session, example, session_command

_ABOVE = click.FloatRange(min=0, min_open=True)


@click.command(
    "crowding",
    epilog=example(
        "exitladder crowding --holders 50 --crowd 0.3 --volatility 0.02",
        "exitladder crowding --bars data/ --symbol IBM --holders 50 --quantity 40000",
    ),
)
@click.option("--holders", type=click.IntRange(min=1), default=50, show_default=True, help="Holders at the level.")
@click.option("--crowd", type=_ABOVE, help="Quantity of all holders, as a share of a day's volume.")
@click.option("--quantity", type=_ABOVE, help="Instead: units of each holder; needs the volumes of --bars.")
@path_option("--bars", "Bars that give volume, volatility and ATR.", required=False)
@click.option("--window", type=click.IntRange(min=5), default=20, show_default=True, help="Days of the bars to use.")
@click.option("--volatility", type=_ABOVE, help="Standard deviation of daily returns, such as 0.02; without --bars.")
@click.option("--atr", type=_ABOVE, help="ATR of a day as a share of the price; default: 1.5 x volatility.")
@click.option("--jitter", type=_ABOVE, default=0.5, show_default=True, help="Levels are moved by up to this many ATR.")
@click.option("--participation", type=_ABOVE, default=0.02, show_default=True,
              help="Most of a bar's volume that a holder sells.")  # fmt: skip
@click.option("--law", type=click.Choice(["square_root", "almgren"]), default="square_root", show_default=True,
              help="Law of impact.")  # fmt: skip
@click.option("--prefactor", type=click.FloatRange(min=0), default=0.75, show_default=True, help="Of the power law.")
@click.option("--exponent", type=float, default=0.5, show_default=True, help="Of the power law.")
@click.option("--shares-outstanding", type=_ABOVE, help="For --law almgren with --bars.")
@click.option("--turnover-days", type=_ABOVE, help="For --law almgren: shares outstanding over a day's volume.")
@click.option("--bars-per-day", type=click.IntRange(min=1), default=26, show_default=True, help="Bars of a day.")
@click.option("--recovery", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of the sales that the market absorbs per bar.")  # fmt: skip
@click.option("--paths", type=click.IntRange(min=20), default=400, show_default=True, help="Simulated paths.")
@reading_options
@session_command
def command(
    session: Session,
    holders: int,
    crowd: float | None,
    quantity: float | None,
    bars: Path | None,
    window: int,
    volatility: float | None,
    atr: float | None,
    jitter: float,
    participation: float,
    repair: bool,
    interval: str | None,
    paths: int,
    recovery: float,
    bars_per_day: int,
    **law: Any,
) -> None:
    """Simulate many holders whose stops are at one level.

    The news takes the price to the level. All who are there sell, the price falls by the impact of their sales, and
    reaches the stops below. Compares selling at once at one level with levels moved at random and with selling a share
    of volume, if one holder does so and if all do. A model, not a backtest: it depends on the law of impact.
    """
    from exitladder.cli.screens.crowding import crowding_screen
    from exitladder.pipelines.liquidity.crowding import crowding, day_market, law_of
    from exitladder.risk.crowding import Crowd

    if (crowd is None) == (quantity is None):
        raise click.UsageError("Give either --crowd SHARE, or --quantity UNITS with --bars.")
    if (bars is None) == (volatility is None) or (quantity is not None and bars is None):
        raise click.UsageError("Give either --bars PATH or --volatility; --quantity needs --bars.")
    market, about = None, ""
    if bars is not None:
        loaded = load_bars(session, bars, repair, interval)
        symbol = _symbol(list(loaded), session.settings.data.symbol)
        market = day_market(loaded[symbol], window)
        about = f"{symbol}, {window} days to {market.until}: volume {market.volume:,.0f} per day"
    day = volatility if market is None else market.volatility
    assert day is not None
    size = crowd if crowd is not None else holders * (quantity or 0.0) / (market.volume if market else 1.0)
    turnover = law["turnover_days"]
    if law["shares_outstanding"] is not None and market is not None:
        turnover = law["shares_outstanding"] / market.volume
    range_of_day = atr if atr is not None else 1.5 * day if market is None else market.atr
    found = crowding(
        Crowd(holders, size, day, range_of_day, bars_per_day, bars_per_day, recovery),
        law_of(law["law"], law["prefactor"], law["exponent"], turnover),
        (jitter, participation),
        paths=paths,
        seed=session.settings.project.seed,
        confidence=session.settings.validation.confidence,
    )
    found = {"market": about, "law": _named(law, turnover)} | found
    if session.form == "table":
        session.write(crowding_screen(found, width_of(session.stdout)))
        return
    session.emit(found)


def _symbol(symbols: list[str], named: str) -> str:
    if named and named in symbols:
        return named
    if len(symbols) == 1:
        return symbols[0]
    raise click.UsageError(f"Give --symbol: --bars has {', '.join(symbols[:8])}.")


def _named(law: dict[str, Any], turnover: float | None) -> str:
    if law["law"] == "almgren":
        return f"Almgren and others (2005), shares outstanding {turnover:,.0f} x a day's volume"
    return f"{law['prefactor']:g} x volatility x (sold / day's volume)^{law['exponent']:g}"
