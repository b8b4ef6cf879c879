"""Measures of simulated trades: summary, rungs, prices after the exit, cash flow, data gaps."""
