"""Plans that add to a position or limit its size, compiled (PL1 to PL9 of docs/plans.md)."""
