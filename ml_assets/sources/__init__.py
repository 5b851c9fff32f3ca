"""Source systems: reading them, and telling what changed in them."""
