"""Many plans on the same positions in options: what to try, and what each would have brought."""
