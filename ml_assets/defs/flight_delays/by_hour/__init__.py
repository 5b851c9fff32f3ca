"""The pipeline for a live source: flights are predicted hour by hour, before they depart.

The reference data is history, so ``pipeline.yaml`` is not loaded; docs/forecasts.md says how to use it.
"""
