"""The start of every verb: data, model, predictions and signals of a job."""
