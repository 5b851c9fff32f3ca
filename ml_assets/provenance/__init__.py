"""Provenance of ledger entries: code versions, runs, commits, libraries."""
