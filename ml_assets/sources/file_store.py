"""Folders of files on this machine or in an object store, and clear errors without secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs

from ml_assets.database_url import hidden
from ml_assets.errors import ConfigurationError, SourceMissing, SourceUnavailable, sentence

ARROW_SCHEMES = ("file", "s3", "gs", "gcs", "abfs", "abfss", "hdfs")
"""Schemes that pyarrow opens; fsspec opens others."""


class FileStore:
    """A folder of files, read-only.

    Args:
        url: a folder, or the URL of one in an object store.
        variable: the environment variable of the URL, for messages.

    Raises:
        ConfigurationError: no library is installed for its scheme.
    """

    def __init__(self, url: str, variable: str) -> None:
        self._url = url
        self._variable = variable
        scheme = _scheme(url)
        if scheme and scheme not in ARROW_SCHEMES:
            _refuse_unknown(scheme, variable)

    @property
    def name(self) -> str:
        """The folder for messages, without user, password and options."""
        if not _scheme(self._url):
            return str(Path(self._url).absolute())
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def paths(self, folder: str) -> list[str]:
        """Paths of all files in a folder and below it, relative to the store, in order.

        Args:
            folder: a folder of the store; empty for its own.
        """
        with self.connected():
            where = pyarrow.fs.FileSelector(
                f"{self._root}/{folder}".rstrip("/"), recursive=True, allow_not_found=True
            )
            found = self.filesystem.get_file_info(where)
        prefix = len(self._root) + 1
        return sorted(info.path[prefix:] for info in found if info.is_file)

    def full_path(self, path: str) -> str:
        """A path of ``paths`` for ``filesystem``."""
        return f"{self._root}/{path}"

    @property
    def filesystem(self) -> Any:
        """The pyarrow filesystem."""
        return self._opened[0]

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Context in which errors of the store become those of ``ml_assets.errors``."""
        try:
            yield
        except FileNotFoundError as error:
            raise SourceUnavailable(
                f"A file in {self.name} was removed while it was read: {sentence(self.cause(error))}"
            ) from None
        except (OSError, pa.ArrowException) as error:
            raise SourceUnavailable(
                f"The files in {self.name} cannot be read: {sentence(self.cause(error))} If this persists, "
                f"correct {self._variable}."
            ) from None

    def cause(self, error: BaseException) -> str:
        """The first line of an error's text, without secrets."""
        parts = urlsplit(self._url)
        options = {pair.partition("=")[2] for pair in parts.query.split("&")}
        secrets = {parts.netloc.rpartition("@")[0], parts.username, parts.password, *options}
        text = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        return hidden(text.replace(self._url, self.name), {part for part in secrets if part})

    def missing(self, pattern: str) -> SourceMissing:
        """The error for a pattern that no file matches."""
        return SourceMissing(
            f"No file in {self.name} matches '{pattern}'. Run 'ml-assets source load' to load the "
            f"reference data, set {self._variable} to the right folder, or correct the path in "
            "defs.yaml."
        )

    @property
    def _root(self) -> str:
        return self._opened[1].rstrip("/")

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        scheme = _scheme(self._url)
        if not scheme:
            return pyarrow.fs.LocalFileSystem(), self.name
        if scheme in ARROW_SCHEMES:
            return pyarrow.fs.FileSystem.from_uri(self._url)
        import fsspec

        found, root = fsspec.core.url_to_fs(self._url)
        return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(found)), root


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else ""


def _refuse_unknown(scheme: str, variable: str) -> None:
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except (ValueError, ImportError):
        raise ConfigurationError(
            f"{variable} has the scheme '{scheme}', for which no database driver and no fsspec file "
            f"system is installed. Expected a folder, a URL with one of "
            f"{', '.join(ARROW_SCHEMES)}, or a database URL. Correct {variable}."
        ) from None
