"""What a ``defs.yaml`` says, typed and validated, without Dagster: read once, used by templates and lineage."""
