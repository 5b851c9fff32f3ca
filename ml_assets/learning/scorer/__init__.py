"""Predictions from plain values, without the overhead of scikit-learn: equal for one row and for many."""
