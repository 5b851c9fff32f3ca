"""The model registry: versions, aliases, and integration tests of a staged version."""
