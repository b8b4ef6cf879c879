"""Runs promoted to champion or challenger by a gate that was set beforehand, and a challenger scored in the shadow."""
