"""The search for a ladder: search, loop, team, evaluation, pruning."""
