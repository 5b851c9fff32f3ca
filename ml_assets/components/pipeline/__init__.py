"""What the four parts of a model pipeline share."""
