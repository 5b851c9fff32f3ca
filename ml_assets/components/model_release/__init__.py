"""Template: the release of a model, from the evidence to the champion."""

from ml_assets.components.model_release.component import ModelRelease

__all__ = ["ModelRelease"]
