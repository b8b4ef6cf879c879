"""How sure a number is: bootstrap, intervals, comparison, overfitting; knows no bar, no trade and no ladder."""
