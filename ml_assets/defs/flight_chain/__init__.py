"""Predicts late flights from forecasts of the weather at the hour of their departure, in a chain of models."""
