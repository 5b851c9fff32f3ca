"""The key of the workspace resource of assets, checks, sensors and IO managers."""

WORKSPACE = "workspace"
