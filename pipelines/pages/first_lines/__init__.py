"""The first lines of a page: the verdict in short, and what the recommended exit risks."""
