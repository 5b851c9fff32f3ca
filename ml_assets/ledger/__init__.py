"""What happened to each day of each table."""
