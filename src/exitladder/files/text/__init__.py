"""Tables in text files: separators, encodings, and the lines around a table."""
