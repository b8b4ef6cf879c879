"""The studies: the record of a search."""
