"""The row of one open trade: state, quantity, decision, risk and notes, each in a file of its own."""
