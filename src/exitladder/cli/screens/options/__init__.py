"""The screens of the commands on positions in options."""
