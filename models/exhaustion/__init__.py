"""The exhaustion model: stages, training, file, estimators, baselines, leak check."""
