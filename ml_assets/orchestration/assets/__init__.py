"""Tables and models as Dagster assets: definitions, IO managers, metadata."""
