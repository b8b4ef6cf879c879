"""Pictures; the only room that draws."""
