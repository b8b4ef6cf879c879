"""The command ``options``: positions in calls, puts and verticals."""

from __future__ import annotations

import click

from exitladder.cli.commands.options.backtest import backtest
from exitladder.cli.commands.options.check import check
from exitladder.cli.commands.options.tune import tune
from exitladder.cli.commands.options.value import value
from exitladder.cli.session import example


@click.group("options", epilog=example("exitladder options check quotes.csv --underlying AAPL"))
def command() -> None:
    """Check option quotes, value contracts, backtest and tune option positions."""


for _one in (check, value, backtest, tune):
    command.add_command(_one)

__all__ = ["command"]
