"""Predictions on request: an HTTP service that answers with the champion of each pipeline."""
