"""Advice on open positions in options for the next quote."""
