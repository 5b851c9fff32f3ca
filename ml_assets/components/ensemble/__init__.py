"""The template ``Ensemble``, and the stages that only an ensemble has."""

from ml_assets.components.ensemble.component import Ensemble

__all__ = ["Ensemble"]
