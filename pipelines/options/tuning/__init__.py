"""Tuning of plans on options: walk-forward over the entries, choice, recommendation, files."""
