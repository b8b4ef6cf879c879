"""Sentences on what to do with a trade and why, and the counts of them."""
