"""Positions in options: backtests on quotes, and checks of quotes."""
