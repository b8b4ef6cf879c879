"""The functions of ``import exitladder``: they take tables, paths or exitladder's own types, and call the pipelines."""
