"""The documentation site: what MkDocs does not find in docs/."""
