"""A ladder tuned walk-forward and evaluated."""
