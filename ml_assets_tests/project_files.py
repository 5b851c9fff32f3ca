"""Lets a test read the documents of another folder than the project's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml_assets.configuration import documents


@contextmanager
def documents_below(folder: Path) -> Iterator[Path]:
    """The documents of a folder are those of the project; they are read at the beginning, and as they are then.

    Args:
        folder: the folder.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "DEFS", folder)
        documents.read_anew()
        yield folder
    documents.read_anew()
