"""Sizes of positions: quantities from equity and earlier trades, against constant size, with the risk of ruin."""

from exitladder.measures.sizing.sized import Sized, simulate_sized

__all__ = ["Sized", "simulate_sized"]
