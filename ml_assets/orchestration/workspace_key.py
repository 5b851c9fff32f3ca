"""The key of the resource that assets, checks, sensors and IO managers find their stores in."""

WORKSPACE = "workspace"
