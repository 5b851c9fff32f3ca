"""Predicts two hours before scheduled departure whether a flight arrives late."""
