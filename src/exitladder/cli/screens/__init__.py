"""What `train`, `tune`, `backtest` and `compare` show on a terminal: the verdict first, then one screen of numbers.

JSON and CSV, and the files and pages, have every number.
"""
