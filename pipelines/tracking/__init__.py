"""Runs and models kept; the only room that knows MLflow."""
