"""Bars: read, checked, repaired, adjusted, resampled and fetched; their ATR and swings."""

from __future__ import annotations

from exitladder.bars.bars import Bars, BarSet

__all__ = ["BarSet", "Bars"]
