"""The whole job on a book."""
