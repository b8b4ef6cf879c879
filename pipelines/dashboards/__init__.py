"""Dashboards of other programs: the MLflow page."""
