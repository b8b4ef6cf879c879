"""What a user runs: each command as a function."""
