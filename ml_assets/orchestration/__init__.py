"""Dagster glue that the templates share. Knows Dagster, no pipeline."""
