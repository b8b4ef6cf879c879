"""Statistical inference: bootstrap, confidence intervals, comparison, overfitting; independent of bars and ladders."""
