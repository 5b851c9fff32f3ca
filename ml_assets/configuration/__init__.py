"""Typed and validated configuration of ``defs.yaml``, without Dagster."""
