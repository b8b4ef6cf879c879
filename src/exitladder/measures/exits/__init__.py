"""The exits that were made, measured: profit kept, heat, better exits in hindsight, later exits, what managing gave.

All of it describes finished trades. Measures marked as hindsight use prices that were not known at the exit. No
feature, label, objective or rule may read any of it; a test enforces that.
"""
