"""Delta tables partitioned by day, with content hashes verified against the ledger. No Dagster."""
