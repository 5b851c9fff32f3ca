"""Predicts late flights with three models that answer together."""
