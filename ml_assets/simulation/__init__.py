"""Backtests: history replayed with other retraining policies."""
