"""Adds of a plan among the advice: which have happened, their orders, their sentences."""
