"""Dagster's instance: fewer rows for the same answers. Everything private of Dagster is used here."""
