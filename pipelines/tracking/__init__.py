"""Stored runs and models; the only room that knows MLflow."""
