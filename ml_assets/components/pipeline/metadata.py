"""Metadata of the assets of a model pipeline, the same for all their partitions."""

from typing import Any

import dagster as dg

from ml_assets.orchestration.assets.tables import FACT_KEY, SPARSE_KEY
from ml_assets.reports.pages.address import address_of


def asset_metadata(pipeline: str, noun: str, *, is_fact: bool) -> dict[str, Any]:
    """Metadata of an asset, with the page that shows it.

    Args:
        pipeline: first part of its key.
        noun: second part of its key.
        is_fact: its stored days are never computed again.
    """
    page = address_of(pipeline, noun)
    return {
        SPARSE_KEY: True,
        **({FACT_KEY: True} if is_fact else {}),
        **({"page": dg.MetadataValue.url(page)} if page else {}),
    }
