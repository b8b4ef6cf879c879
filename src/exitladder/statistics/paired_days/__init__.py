"""Differences of two exits in many measures, from calendar days drawn in blocks."""
