"""The recommended exit: chosen before each part, and written for use from now on."""
