"""The checks of bars: faults, doubts, splits, and their report."""
