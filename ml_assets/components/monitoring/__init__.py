"""Template: profiles and drift of features, the retraining decision, and sensors."""

from ml_assets.components.monitoring.component import Monitoring

__all__ = ["Monitoring"]
