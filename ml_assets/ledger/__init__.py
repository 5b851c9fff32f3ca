"""The ledger: status and inputs of each day of each table."""
