"""From feature rows to a trained, stored and evaluated model. No Dagster."""
