"""``exitladder options value``: the value or the implied volatility of one contract."""

from __future__ import annotations

import math

import click

from exitladder.cli.session import Session, example, session_command
from exitladder.errors import OptionsError


def _dividend(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[tuple[float, float], ...]:
    """Return days and amounts of texts such as ``30:0.22``."""
    found = []
    for text in texts:
        days, _colon, amount = text.partition(":")
        try:
            found.append((float(days), float(amount)))
        except ValueError:
            raise click.BadParameter(f"must be DAYS:AMOUNT, such as 30:0.22, but is {text!r}.") from None
    return tuple(found)


@click.command(
    "value",
    epilog=example(
        "exitladder options value --right call --spot 60 --strike 65 --days 91 --volatility 0.3",
        "exitladder options value --right put --spot 60 --strike 65 --days 91 --price 6.5",
    ),
)
@click.option("--right", type=click.Choice(["call", "put"]), required=True, help="Call or put.")
@click.option("--spot", type=float, required=True, help="Price of the underlying.")
@click.option("--strike", type=float, required=True, help="Strike.")
@click.option("--days", type=float, required=True, help="Calendar days to expiry.")
@click.option("--volatility", type=float, help="Annual volatility, such as 0.3; gives the value.")
@click.option("--price", type=float, help="Price of the option; gives its implied volatility.")
@click.option("--dividend", "dividends", multiple=True, callback=_dividend, metavar="DAYS:AMOUNT",
              help="A cash dividend: days to its ex-date, and amount; may be repeated.")  # fmt: skip
@session_command
def value(
    session: Session,
    right: str,
    spot: float,
    strike: float,
    days: float,
    volatility: float | None,
    price: float | None,
    dividends: tuple[tuple[float, float], ...],
) -> None:
    """Value a contract, or solve for its implied volatility.

    Rates and the style of exercise are those of [options] in the settings. European options follow Black, Scholes and
    Merton; American ones need QuantLib: pip install "exitladder[options]". Vega is per point of volatility, theta per
    calendar day.
    """
    from exitladder.options.contracts import RIGHTS
    from exitladder.options.valuation import Terms

    if (volatility is None) == (price is None):
        raise click.UsageError("Give either --volatility or --price.")
    for name, number in (("spot", spot), ("strike", strike), ("days", days), ("volatility", volatility)):
        if number is not None and not (math.isfinite(number) and number > 0):
            raise OptionsError(f"--{name} must be a number above 0, but is {number!r}.")
    options = session.settings.options
    paid = tuple((at / 365, amount) for at, amount in dividends if 0 < at <= days)
    terms = Terms(RIGHTS[right], strike, options.style == "american", (options.rate, options.dividend_yield), paid)
    years = days / 365
    if price is not None:
        volatility = terms.implied(price, spot, years)
        if math.isnan(volatility):
            raise OptionsError(
                f"No volatility gives a price of {price:g}: it must be above what exercise pays now and below the "
                "price of the underlying (of a put: the strike)."
            )
    assert volatility is not None
    found = terms.sensitivities(spot, years, volatility)
    session.show(
        {
            "value": terms.value(spot, years, volatility),
            "implied_volatility": volatility,
            "delta": found.delta,
            "gamma": found.gamma,
            "vega": found.vega,
            "theta": found.theta,
            "style": options.style,
            "rate": options.rate,
            "dividend_yield": options.dividend_yield,
        }
    )
