"""The trades that a ladder was tuned on, and the ladders of a walk-forward run again."""
