"""Lineage of predictions on request: the rows that they looked up, and what touched them."""
