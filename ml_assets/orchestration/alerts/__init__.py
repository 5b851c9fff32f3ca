"""Alerts that need Dagster's instance, their evaluation, and the sensor."""
