"""Runs, ladders, own exits and models compared: read, paired, measured and put on one table."""
