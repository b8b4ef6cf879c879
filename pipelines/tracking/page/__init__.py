"""The parts of MLflow's page besides the values of runs: models, and the columns of the list of runs."""
