"""Positions in calls, puts and verticals: read, entered, measured, ended and replayed on quotes."""
