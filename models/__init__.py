"""Machine learning: labels, purged splits, the exhaustion model, and the ladder search."""
