"""Contracts of monitoring tables; the modules in ``monitoring`` compute their rows."""
