"""Trades of other programs turned into exitladder's own."""
