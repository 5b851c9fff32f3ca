"""Template: profiles and drift of features, the retraining decision, and the loop's sensors."""

from ml_assets.components.monitoring.component import Monitoring

__all__ = ["Monitoring"]
