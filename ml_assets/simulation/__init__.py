"""History replayed under other policies."""
