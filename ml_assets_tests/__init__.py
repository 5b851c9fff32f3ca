"""Tests mirror ``ml_assets``; ``end_to_end``, ``faults`` and ``browser`` cross its parts."""
