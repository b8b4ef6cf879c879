"""Probabilities calibrated, and how well calibrated they are."""
