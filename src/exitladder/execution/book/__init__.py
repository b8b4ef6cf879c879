"""Positions that share one account: margin, limits and reduction by risk (docs/design/books.md)."""
