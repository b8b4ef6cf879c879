"""A model trained and evaluated."""
