"""Pages on positions in options: a backtest, and tonight's orders."""
