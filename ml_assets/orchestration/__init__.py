"""Integration with Dagster that the templates share, independent of any pipeline."""
