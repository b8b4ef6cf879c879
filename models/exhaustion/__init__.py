"""The exhaustion model: stages, training, file, estimators, baselines, leak check."""

SERIES = ("exhaustion", "hold_value_r")
"""The series that a model predicts, by the names that rules read them by."""

RANK = "exit_rank"
"""The series that ranks both among the predictions of the past."""
