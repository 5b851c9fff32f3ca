"""Making a recorded model again from what was recorded of it."""
