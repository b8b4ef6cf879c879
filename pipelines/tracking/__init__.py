"""Stored runs and models; the only package that imports MLflow."""
