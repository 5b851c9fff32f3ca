"""Ensembles on request: their members in threads of their own, and what an answer tells of them."""
