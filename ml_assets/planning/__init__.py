"""Which days to compute, which to leave, and which are stale."""
