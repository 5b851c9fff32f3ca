"""Whether what a model is given still looks like what it was trained on. No Dagster."""
