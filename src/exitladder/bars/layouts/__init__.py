"""The layouts of bar files: columns, names, cells, stamps, and how each was read."""
