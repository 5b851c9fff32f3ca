"""What documents say of tables and pipelines that alerts watch."""
