"""Fixtures of this folder: a receiver of notifications."""

from collections.abc import Iterator

import pytest

from ml_assets_tests.alerts.delivery.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that receives notifications."""
    with receiving() as found:
        yield found
