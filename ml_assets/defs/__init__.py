"""What there is: one folder a pipeline."""
