"""Drift, performance and retraining decisions; independent of Dagster."""
