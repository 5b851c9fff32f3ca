"""Runs: starting them, requesting them exactly once, and summarizing them."""
