"""What is known at a bar's close."""
