"""The numbers of a book tuned walk-forward, in one account that goes on from part to part."""
