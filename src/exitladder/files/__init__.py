"""Any table, text or web file, read and written."""
