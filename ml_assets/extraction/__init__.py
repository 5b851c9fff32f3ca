"""Reading source systems. No Dagster, and no knowledge of what the rows mean."""
