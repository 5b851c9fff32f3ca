"""Shared code of the four parts of a model pipeline."""
