"""Advice on open trades, and whether the market has drifted."""
