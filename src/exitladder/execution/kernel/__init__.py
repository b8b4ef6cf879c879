"""One trade, one bar, one order: the rules of execution, compiled."""
