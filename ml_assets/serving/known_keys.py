"""The API keys as the service knows them: read from the store every few seconds."""

import threading
import time
from collections.abc import Sequence

from ml_assets.errors import MLAssetsError
from ml_assets.serving.keys import ApiKey, ApiKeys
from ml_assets.serving.problems import unavailable

KEYS_SECONDS = 2.0
"""Time after which a created or revoked key is known."""


class KnownKeys:
    """The stored keys, read again after some seconds.

    Args:
        keys: the store.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        self._read_at = -KEYS_SECONDS
        self._found: list[ApiKey] = []
        self._lock = threading.Lock()

    def known(self) -> Sequence[ApiKey]:
        """The keys.

        Raises:
            Problem: they cannot be read.
        """
        with self._lock:
            if time.monotonic() - self._read_at > KEYS_SECONDS:
                try:
                    self._found = self._keys.all()
                except MLAssetsError as error:
                    raise unavailable(f"API keys cannot be read. {error}") from error
                self._read_at = time.monotonic()
            return self._found
