"""What size does: price impact, crowding, and how wide a band without trades should be (docs/design/liquidity.md)."""
