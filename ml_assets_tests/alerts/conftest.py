"""Fixtures of this folder: an empty database of each kind."""

import pytest


@pytest.fixture
def url(database_url: str) -> str:
    """URL of an empty database, once for each kind."""
    return database_url
