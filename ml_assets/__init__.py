"""ml_assets: data-aware ML lineage as a Dagster asset graph."""
