"""Files from somebody else: limits, shapes of JSON, formulas in cells, a format without checks."""
