"""Simulated trades measured: summary, rungs, after the exit, cash, data gaps."""
