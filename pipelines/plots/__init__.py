"""Pictures; the only package that draws."""
