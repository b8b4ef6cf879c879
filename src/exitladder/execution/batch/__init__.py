"""Thousands of ladders at once, equal to one at a time to the bit."""
