"""Template: from the evidence about a model to the champion."""

from ml_assets.components.model_release.component import ModelRelease

__all__ = ["ModelRelease"]
