"""Orders that work at the broker before tonight's: their list, and the instruction for each."""
