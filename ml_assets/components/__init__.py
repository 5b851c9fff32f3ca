"""The templates: how tables, features and models become assets. They know no pipeline."""

from ml_assets.components.source_table import SourceTable

__all__ = ["SourceTable"]
