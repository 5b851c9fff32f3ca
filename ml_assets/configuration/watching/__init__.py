"""What documents say of tables that alerts watch."""
