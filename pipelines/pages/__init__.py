"""HTML pages, with their templates and styles."""
