"""Python code that exports copy into the file they write; `exit_rules` is their common part."""
