"""Liquidity: the cost of large exits, and of many exits at one level."""
