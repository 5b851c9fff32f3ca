"""Python objects in the metadata of definitions: seen in the process that loaded them, by name elsewhere."""

from dagster._core.definitions.metadata.metadata_value import ObjectMetadataValue

__all__ = ["ObjectMetadataValue"]
