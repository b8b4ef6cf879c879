"""Lists of fills and round trips of any broker: what their columns mean where names alone do not tell."""
