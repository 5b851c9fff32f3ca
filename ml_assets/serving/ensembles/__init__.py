"""Ensembles on request: their members in threads of their own, and the parts of an answer about them."""
