"""Measured column lineage of computed tables."""
