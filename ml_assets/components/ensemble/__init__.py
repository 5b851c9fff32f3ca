"""Template: an ensemble of other pipelines' champions, evaluated, released and monitored like a model."""

from ml_assets.components.ensemble.component import Ensemble

__all__ = ["Ensemble"]
