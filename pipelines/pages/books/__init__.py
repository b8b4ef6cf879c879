"""The pages of books."""
