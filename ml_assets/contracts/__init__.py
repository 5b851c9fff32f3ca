"""Table contracts: declaration, validation of rows and days, dead letters, column lineage."""
