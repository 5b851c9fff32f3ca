"""The definitions of this project: one folder per pipeline."""
