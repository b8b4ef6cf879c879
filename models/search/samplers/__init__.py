"""The samplers: which ladder is tried next."""
