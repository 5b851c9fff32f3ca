"""Typed and validated configuration of ``defs.yaml``, without Dagster; used by templates and lineage."""
