"""Runs: starting them, asking for them once, and what they did."""
