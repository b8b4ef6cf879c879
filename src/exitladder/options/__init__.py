"""Options: contracts, values and Greeks, quotes, and the market that they are valued in (docs/options.md)."""
