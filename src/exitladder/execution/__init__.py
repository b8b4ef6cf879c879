"""How a ladder is executed on bars."""
