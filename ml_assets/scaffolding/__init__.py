"""A pipeline proposed from a table: what the table looks like, and what its pipeline needs."""
