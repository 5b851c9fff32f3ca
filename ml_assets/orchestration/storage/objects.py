"""Python objects in definition metadata; other processes get only the object's name."""

from dagster._core.definitions.metadata.metadata_value import ObjectMetadataValue

__all__ = ["ObjectMetadataValue"]
