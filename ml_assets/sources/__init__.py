"""Source systems: reading them and detecting changes."""
