"""Tables partitioned by day, their content hashes and what each was made from. No Dagster."""
