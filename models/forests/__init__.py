"""LightGBM: training rows, boosting, a cluster, memory."""
