"""The search space: which ladders can be tried."""
