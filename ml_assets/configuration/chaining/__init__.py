"""Configuration of features with predictions of other models, and the computed tables that they are."""
