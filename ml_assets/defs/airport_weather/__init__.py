"""Predicts temperature, wind and visibility at New York's airports, two hours before each hour."""
