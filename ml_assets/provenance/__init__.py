"""What stands behind the entries: code versions, runs, commits, libraries."""
