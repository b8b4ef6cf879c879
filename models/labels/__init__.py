"""The labels: exhaustion race, continuation advantage, and those they are compared with."""
